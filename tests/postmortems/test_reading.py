"""What is taken out of a document: metadata, sections, items, tables, comments, and where they stand."""

from datetime import date, timedelta

import pytest

from service.domain.actions import ActionState
from service.domain.policy import Severity
from service.postmortems.actions import ActionColumn, Progress, action_table, read_progress
from service.postmortems.document import FieldName, SectionKind, Status, Text
from service.postmortems.masking import mask, without_code_spans, without_comments
from service.postmortems.placeholders import has_placeholder, is_not_applicable
from service.postmortems.reading import LONGEST_FRONT_MATTER, MAX_CELLS, read
from service.postmortems.timeline import began_at, entries, window
from service.postmortems.topics import Topic, topics_of
from service.postmortems.vocabulary import field_name, section_kind
from tests.postmortems.documents import ENGLISH, T0, TOKYO, context, document, edited

HEADER = "# T (SEV-3)\n\n"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("**Status:** Draft  ", Text("Draft", 3, 13)),
        ("**Status**: Draft\\", Text("Draft", 3, 13)),
        ("__Status:__ Draft", Text("Draft", 3, 13)),
        ("**ステータス：** Draft <!-- 後で -->", Text("Draft", 3, 12)),
        ("- **Status:** Draft", Text("Draft", 3, 15)),
        ("> **Status:** Draft", Text("Draft", 3, 15)),
        ("**Status** Draft", None),
        ("**Mood:** good", None),
        ("Status: Draft", None),
    ],
)
def test_it_reads_metadata(line, field):
    assert read("x.md", HEADER + line).fields.get(FieldName.STATUS) == field


def test_it_takes_the_first_of_two():
    assert read("x.md", HEADER + "**Status:** Draft\n**Status:** Final\n").status is Status.DRAFT


def test_it_reads_metadata_only_above_the_sections():
    assert read("x.md", HEADER + "## 概要\n**Status:** Draft\n").status is None


def test_it_reads_front_matter():
    made = read("x.md", "---\nincident: INC-7\ntypes: [data, api]\nmood: good\nstatus:\n---\n# T\n")
    assert made.fields == {FieldName.INCIDENT: Text("INC-7", 2, 11), FieldName.TYPE: Text("data, api", 3, 9)}
    assert made.incident == "INC-7"
    assert made.title == Text("T", 7, 3)


DEEP = pytest.param("[" * 3000, marks=pytest.mark.no_cover)


@pytest.mark.parametrize("top", ["a: [", "- a", "x" * (LONGEST_FRONT_MATTER + 1), DEEP])
def test_it_reads_no_front_matter_that_it_does_not_understand(top):
    assert read("x.md", f"---\n{top}\n---\n").fields == {}


def test_it_knows_the_severity_from_the_metadata_else_from_the_end_of_the_title():
    assert read("x.md", "# Down (was SEV-1, Sev 3)\n").severity is Severity.SEV_3
    assert read("x.md", "# T (SEV-3)\n\n**Severity:** sev-1\n").severity is Severity.SEV_1
    assert read("x.md", "# T (SEV-33)\n").severity is None
    assert read("x.md", "").severity is read("x.md", "").incident is None


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("1. 概要（Summary）", SectionKind.SUMMARY),
        ("2. タイムライン（UTC/JST）", SectionKind.TIMELINE),
        ("Root Cause Analysis", SectionKind.CAUSE),
        ("Action items", SectionKind.ACTIONS),
        ("Detection & Response", SectionKind.DETECTION),
        ("8) Evidence", SectionKind.EVIDENCE),
        ("経緯", None),
    ],
)
def test_it_knows_chapters_in_both_languages(heading, kind):
    assert section_kind(heading) is kind


def test_it_knows_metadata_in_both_languages():
    assert field_name(" Date / Window： ") is field_name("期間") is FieldName.WINDOW


def test_it_reads_items_with_what_is_nested_in_them():
    section = read(
        "x.md", "## 影響\nBefore\n1. one\n   - two\n\n     ```\n     three\n     ```\n- [x] four\n"
    ).sections[0]
    assert [(i.head.text, i.head.column, i.whole.split()) for i in section.items] == [
        ("one", 4, ["one", "two", "three"]),
        ("four", 7, ["[x]", "four"]),
    ]
    assert section.words.split()[0] == "Before"


def test_it_ignores_what_stands_above_the_first_section():
    made = read(
        "x.md", "# A\n# B\n\n| a |\n|---|\n| b |\n\n- c\n\n```\nd\n```\n\n<div>\n\n## 概要\n### Deeper\n# Late\n"
    )
    assert made.title == Text("A", 1, 3)
    assert [section.words for section in made.sections] == ["Deeper\nLate"]


def test_it_knows_where_cells_stand():
    made = read("x.md", "## 対策\n| ID | 対策 |  |\n|---|---|---|\n| A | a \\| b | a |\n| B |\n")
    table = made.sections[0].tables[0]
    assert [(c.text, c.column) for c in table.rows[0]] == [("A", 3), ("a | b", 7), ("a", 16)]
    assert [c.text for c in table.rows[1]] == ["B", "", ""]


def test_it_knows_where_cells_stand_without_a_pipe_at_the_edge():
    table = read("x.md", "## 対策\nID | 対策\n---|---\nA | b\n").sections[0].tables[0]
    assert [(cell.text, cell.column) for cell in table.rows[0]] == [("A", 1), ("b", 5)]


# --- masks ----------------------------------------------------------------------------------------------------------


def test_it_blanks_out_code_and_comments_in_place():
    prose, comments = mask(["a `<!--` b <!-- c", "d --> `e` f", "code", "<!-- g --> \\<!-- h"], {2})
    assert prose == ("a        b       ", "          f", "", "           \\<!-- h")
    assert comments == (Text(" c\nd ", 1, 12), Text(" g ", 4, 1))


def test_it_lets_a_comment_without_an_end_go_on():
    assert mask(["a <!-- b", "c"], set()) == (("a       ", " "), ())


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("a `b` c", "a     c"),
        ("``a`b`` c", "        c"),
        ("`a", "`a"),
        ("`a``b`", "      "),
        ("``a` b`c`", "``a    c`"),
    ],
)
def test_it_knows_code_spans(line, left):
    assert without_code_spans(line) == left


def test_it_reads_rows_with_many_cells_up_to_a_bound():
    made = read("x.md", "## 対策\n" + "| a " * 40 + "|\n" + "|---" * 40 + "|\n")
    assert len(made.sections[0].tables[0].header) == MAX_CELLS


def test_it_takes_comments_out_of_a_text():
    assert without_comments("a<!-- b -->c<!-- d") == "ac"
    assert without_comments("`<!--` a") == "`<!--` a"


@pytest.mark.parametrize("text", ["{name}", "TBD", "検知: ...", "原因：…", "未記入", "§x.x", "Draft | Final"])
def test_it_knows_placeholders(text):
    assert has_placeholder(text)


@pytest.mark.parametrize("text", ['rate({job="x"}[5m])', "${HOME}", "待つ... それから", "{}", "TODOS"])
def test_it_knows_what_is_none(text):
    assert not has_placeholder(text)


def test_it_knows_when_there_is_nothing_to_say():
    assert is_not_applicable("該当なし")
    assert is_not_applicable("N/A")
    assert not is_not_applicable("nonempty")


# --- timeline -------------------------------------------------------------------------------------------------------


def test_it_reads_the_timeline():
    timeline = entries(document(), context())
    assert [(entry.at - T0) // timedelta(minutes=1) for entry in timeline] == [-5, 0, 5, 80, 1080, 4200]
    assert [min(entry.topics, default=None) for entry in timeline][1:] == list(Topic)[:3] + list(Topic)[3:]


def test_it_reads_a_timeline_that_is_a_table():
    assert [sorted(entry.topics) for entry in entries(document(ENGLISH), context())] == [
        ["detection"],
        ["mitigation"],
        ["recovery"],
    ]


def test_a_line_about_times_that_names_no_valid_zone_changes_nothing():
    text = ENGLISH.replace("## Timeline", "## Timeline\n\nAll times in UTC+25.", 1)
    assert text != ENGLISH
    assert [e.at for e in entries(document(text), context())] == [e.at for e in entries(document(ENGLISH), context())]


def test_it_counts_offsets_from_the_detection():
    text = edited("- T+5m 2025-08-12 06:55 UTC / 15:55 JST ", "- T+5m ")
    assert entries(document(text), context())[2].at == T0 + timedelta(minutes=5)


def test_it_knows_no_instant_for_an_offset_from_nothing():
    made = read("x.md", "## タイムライン\n- T+5m 抑制\n- 検知: 不明\n")
    assert [entry.at for entry in entries(made, context())] == [None, None]
    assert began_at(made, context()) is window(made, TOKYO) is None


def test_it_begins_with_the_first_entry_where_there_is_no_window():
    made = read("x.md", "## タイムライン\n- 2025-08-12 06:50 UTC / 15:50 JST 検知\n")
    assert began_at(made, context()) == T0


def test_it_ignores_times_in_free_text():
    text = edited("検知: `DoLatencyHigh`", "検知: 09:15 のデプロイの後")
    assert entries(document(text), context())[1].times.faults == ()
    made = read("x.md", "## タイムライン\n- 検知: 2025-08-12 06:50 UTC / 15:50 JST\n")
    assert entries(made, context())[0].at == T0


# --- actions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "progress"),
    [
        ("", Progress(ActionState.OPEN)),
        ("未着手", Progress(ActionState.OPEN)),
        ("未完了", Progress(ActionState.OPEN)),
        ("In progress", Progress(ActionState.OPEN)),
        ("完了", Progress(ActionState.COMPLETED)),
        ("完了（2025-08-20）", Progress(ActionState.COMPLETED, date(2025, 8, 20))),
        ("完了 2025-08-20、未検証", Progress(ActionState.COMPLETED, date(2025, 8, 20))),
        ("verified 2025-08-30", Progress(ActionState.VERIFIED, None, date(2025, 8, 30))),
        (
            "完了 2025-08-20、検証済み 2025-08-30",
            Progress(ActionState.VERIFIED, date(2025, 8, 20), date(2025, 8, 30)),
        ),
        ("done 2025-02-30", Progress(ActionState.COMPLETED)),
        ("たぶん", None),
    ],
)
def test_it_reads_how_far_an_action_is(text, progress):
    assert read_progress(text) == progress


def test_it_reads_the_table_of_actions():
    first, second = action_table(document()).rows
    assert (first.id, first.due, first.text_of(ActionColumn.OWNER), first.has_issue) == (
        "A-01",
        date(2025, 8, 20),
        "Obs",
        True,
    )
    assert second.progress == Progress(ActionState.OPEN)


def test_it_takes_an_issue_from_a_column_of_its_own():
    text = "## 対策\n| ID | Action | Issue |\n|---|---|---|\n| A | x | JIRA-12 |\n| B | y | |\n"
    table = action_table(read("x.md", text))
    assert [row.has_issue for row in table.rows] == [True, False]
    assert table.rows[0].text_of(ActionColumn.DUE) == ""


def test_it_has_no_table_without_a_section():
    assert action_table(read("x.md", "# T\n")) is None


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        (
            Topic.DETECTION,
            "アラート発報|発覚|お客様からの申告|利用者から通報|alert fired|paged|discovery|noticed|reported by support",
        ),
        (Topic.MITIGATION, "切り戻し|ロールバック|止血|フェイルオーバー|rolled back|drained|failed over|workaround"),
        (Topic.RECOVERY, "正常化|解消|収束|復旧|fixed|back to normal|restored"),
    ],
)
def test_it_recognizes_the_words_that_teams_use(topic, words):
    assert [word for word in words.split("|") if topic not in topics_of(f"{word}: x", {})] == []
