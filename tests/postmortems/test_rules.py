"""Every rule: a document that is right in everything is spoiled in one place, and the rule finds that place."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.postmortems.catalogue import RULES
from service.postmortems.document import SectionKind
from service.postmortems.lint import failed
from service.postmortems.reading import LONGEST_LINE, MAX_LINES
from service.postmortems.topics import Topic
from tests.postmortems.documents import DRAFT, ENGLISH, FINAL, NAME, T0, broken, edited, findings, line_of

TABLE = "| ID | 対策 | Owner | Due | 種別 | 検証/完了条件 | 状態 |"
HEADINGS = [line for line in FINAL.split("\n") if line.startswith("## ")]


def moved(chapter, ahead_of):
    """The document with a chapter ahead of another."""
    chapters = FINAL.split("\n## ")
    (which,) = [c for c in chapters if f"## {c}".startswith(chapter)]
    chapters.remove(which)
    chapters.insert(next(n for n, c in enumerate(chapters) if f"## {c}".startswith(ahead_of)), which)
    return "\n## ".join(chapters)


@pytest.mark.parametrize("text", [FINAL, DRAFT, ENGLISH, FINAL.replace("\n", "\r\n")])
def test_it_finds_nothing_in_a_document_that_is_right(text):
    assert broken(text) == []


SPOILED = [
    ("PM101", edited("**Commander:** ops-lead / IC  \n", ""), "# Postmortem"),
    ("PM101", edited("**Comms:** comms-lead", "**Comms:**"), "**Comms:**"),
    ("PM102", edited("INC-7  ", "incident 7  "), "incident 7"),
    ("PM102", edited("**Domains:** Do, Check", "**Domains:** Do, Kitchen"), "Kitchen"),
    ("PM102", edited("**Type:** execution, api", "**Type:** bad luck"), "bad luck"),
    ("PM104", edited("# Postmortem — Do 層のレイテンシ悪化 (SEV-2)\n", "\n"), ""),
    ("PM104", edited("Do 層のレイテンシ悪化 ", ""), "# Postmortem"),
    ("PM104", edited(" (SEV-2)", ""), "# Postmortem"),
    ("PM105", edited("**Status:** Final", "**Status:** Draft | Final"), "**Status:**"),
    ("PM202", moved("## 9.", "## 8."), "## 8."),
    ("PM203", edited("- アラートが早く鳴り、停止の判断が速かった。\n", "<!-- 後で -->\n"), "## 9."),
    ("PM204", FINAL + "\n## 学び\n- もう一つ\n", "## 学び"),
    ("PM301", edited("06:55 UTC / 15:55 JST", "06:55 UTC"), "T+5m"),
    ("PM301", edited("06:55 UTC / 15:55 JST", "15:55 JST"), "T+5m"),
    ("PM301", edited("2025-08-12 06:55 UTC / 15:55 JST ", ""), "T+5m"),
    ("PM301", edited("06:55 UTC / 15:55 JST", "06:55 UTC / 15:55 JST / 23:55 PDT"), "T+5m"),
    ("PM302", edited("06:55 UTC / 15:55 JST", "06:55 UTC / 16:55 JST"), "T+5m"),
    ("PM302", edited("06:50 UTC / 15:50 JST – ", "06:50 UTC / 15:51 JST – "), "**Date/Window:**"),
    ("PM303", edited("T+80m 2025-08-12 08:10 UTC / 17:10", "T+80m 2025-08-12 06:10 UTC / 15:10"), "T+80m"),
    ("PM303", edited("08:10 UTC / 17:10 JST", "06:10 UTC / 15:10 JST"), "**Date/Window:**"),
    ("PM304", edited("検知: ", "開始: "), "## 2."),
    ("PM304", edited("抑制: ", "対処: "), "## 2."),
    ("PM304", edited("復旧: 全アラートが解消した", "終わり: 静かになった"), "## 2."),
    ("PM305", edited("T+5m 2025-08-12 06:55 UTC / 15:55 JST", "すぐに"), "すぐに"),
    ("PM305", edited("06:55 UTC / 15:55 JST", "26:55 UTC"), "T+5m"),
    ("PM305", edited("2025-08-12 06:50 UTC / 15:50 JST – 08:10 UTC / 17:10 JST", "午後"), "**Date/Window:**"),
    ("PM401", edited("- KPI: latency p95 2.4 秒、slippage 3 bps", "- KPI: 悪化"), "## 3."),
    ("PM402", edited("- **技術**: 接続プールの上限が低く、再接続が集中した\n", ""), "## 4."),
    ("PM402", edited("負荷試験のゲートがなかった", ""), "## 4."),
    ("PM403", edited("検知方法: Alert `DoLatencyHigh`（p95 > 2s が 5 分継続）", "検知方法:"), "## 5."),
    ("PM403", edited("- 検知方法: Alert `DoLatencyHigh`（p95 > 2s が 5 分継続）\n", ""), "## 5."),
    ("PM405", edited("§4.2", "§x.x"), "§x.x"),
    ("PM406", edited("T+18h 2025-08-13 00:50 UTC / 09:50", "T+26h 2025-08-13 08:50 UTC / 17:50"), "T+26h"),
    ("PM407", edited("- トレース: evidence/INC-7/trace.json\n", ""), "## 8."),
    ("PM501", edited(TABLE, "| ID | 対策 | Owner | Due | 種別 | 備考 | 状態 |"), "| ID |"),
    (
        "PM502",
        edited("[A-02](https://git.example.com/issues/2)", "[A-01](https://git.example.com/issues/2)"),
        "issues/2",
    ),
    ("PM502", edited("[A-02](https://git.example.com/issues/2) | キャンセル", "| #2 キャンセル"), "#2"),
    ("PM503", edited("| Do | 2025-08-22", "| - | 2025-08-22"), "2025-08-22"),
    ("PM504", edited("2025-08-22", "来週"), "来週"),
    ("PM504", edited("2025-08-22", "2025-02-30"), "2025-02-30"),
    ("PM504", edited("| 2025-08-22 |", "| |"), "A-02"),
    ("PM505", edited("2025-08-22", "2025-08-11"), "2025-08-11"),
    ("PM506", edited("| Code |", "| |"), "A-02"),
    ("PM507", edited("| 契約テストが通る |", "| |"), "A-02"),
    ("PM508", edited("| 未着手 |", "| たぶん |"), "A-02"),
    ("PM601", edited("§4.2", "postgres://do:s3cr3t-pw@db/orders"), "postgres://"),
    ("PM602", edited("§4.2", "taro.yamada@corp.co.jp"), "taro.yamada"),
    ("PM603", edited("§4.2", "担当者のミスが原因"), "担当者のミス"),
    ("PM702", edited("**ADR:** 不要", "**ADR:** 要"), "**ADR:**"),
    ("PM703", edited("[A-02](https://git.example.com/issues/2)", "A-02"), "A-02"),
    ("PM901", FINAL + "x" * (LONGEST_LINE + 1), ""),
    ("PM901", FINAL + "\n" * MAX_LINES, ""),
    ("PM902", FINAL + "<!-- mttx-disable-line PM603 -->\n", "mttx-disable"),
    ("PM903", FINAL + "<!-- mttx-disable-line PM603: 引用のため -->\n", "mttx-disable"),
]


@pytest.mark.parametrize(("rule", "text", "words"), SPOILED)
def test_it_finds_what_is_wrong_where_it_is(rule, text, words):
    (finding,) = findings(text)
    assert (finding.rule_id, finding.line) == (rule, line_of(text, words) if words else 1)
    line = text.split("\n")[finding.line - 1]
    about = line[finding.column - 1 : finding.end_column - 1]
    assert about == about.strip() or not about.strip()  # whole words or an empty place
    assert finding.end_column - 1 <= max(1, len(line))


@pytest.mark.parametrize(
    "name",
    ["PM-20250812.md", "pm-20250812-x.md", "PM-20250231-x.md", "PM-20250812-X_y.md", "PM-20250812-x.markdown"],
)
def test_it_asks_for_the_name_of_the_standard(name):
    assert broken(FINAL, name) == [("PM103", 1)]


@pytest.mark.parametrize("kind", list(SectionKind))
def test_it_misses_each_section_in_turn(kind):
    heading = HEADINGS[list(SectionKind).index(kind)]
    chapters = FINAL.split("\n## ")
    text = "\n## ".join(c for c in chapters if not heading.endswith(c.split("\n")[0]))
    following = HEADINGS[HEADINGS.index(heading) + 1 :]
    line = line_of(text, following[0]) if following else len(text.split("\n"))
    assert ("PM201", line) in broken(text)
    assert {rule for rule, _ in broken(text)} <= {"PM201"}


def test_it_misses_all_sections_of_a_document_that_has_none():
    text = FINAL.split("\n## ")[0]
    assert [rule for rule, _ in broken(text)] == ["PM201"] * len(SectionKind)


def test_it_misses_the_evidence_of_a_final_document():
    text = FINAL.split("- メトリクス: ")[0] + "- 手元にある\n\n## 9. 学び\n- なし\n"
    assert broken(text) == [("PM404", line_of(text, "## 8."))] + [("PM407", line_of(text, "## 8."))] * 5
    assert broken(edited("Final", "Draft", text)) == []


def test_it_misses_the_table_of_actions():
    text = "\n".join(line for line in FINAL.replace("| ID", "後で\n| ID").split("\n") if not line.startswith("|"))
    assert broken(text) == [("PM501", line_of(text, "## 6."))]


def test_it_asks_for_at_least_one_action():
    text = "\n".join(line for line in FINAL.split("\n") if not line.startswith("| [A-"))
    assert broken(text) == [("PM501", line_of(text, "| ID |"))]


def test_a_root_cause_may_have_more_than_the_three_aspects():
    assert broken(edited("- **環境**", "- 図を参照\n- **環境**")) == []


def test_it_leaves_chapters_of_your_own_alone():
    assert broken(edited("## 7.", "## 経緯\n\n## 7.")) == []


def test_empty_evidence_is_reported_once():
    text = FINAL.split("- メトリクス: ")[0] + "\n## 9. 学び\n- なし\n"
    assert broken(text) == [("PM203", line_of(text, "## 8."))]


def test_it_asks_for_the_documents_that_belong_to_a_final_one():
    changed = frozenset({"docs/Release-Notes.md", "docs/RISK-REGISTER.md"})
    assert broken(FINAL, changed=changed) == [("PM701", 1)]
    assert "update Runbooks.md in" in findings(FINAL, changed=changed)[0].message
    assert broken(FINAL, changed=changed | {"Runbooks.md"}) == broken(DRAFT, changed=changed) == []


@pytest.mark.parametrize(
    ("adr", "changed", "rules"),
    [
        ("要", frozenset({"docs/adrs/0012-pool.md"}), []),
        ("要", frozenset({"docs/pool.md"}), ["PM702"]),
        ("[ADR-12](adrs/0012.md)", None, []),
        ("ADR-12", None, []),
        ("該当なし", None, []),
        ("no", None, []),
    ],
)
def test_it_asks_for_a_decision_record_where_one_is_needed(adr, changed, rules):
    text = edited("**ADR:** 不要", f"**ADR:** {adr}")
    assert [rule for rule, _ in broken(text, changed=changed, documents=())] == rules


def test_it_says_that_a_draft_is_late_when_it_should_be_final():
    early, late = T0 + timedelta(hours=71), T0 + timedelta(hours=73)
    assert broken(DRAFT, now=early) == broken(FINAL, now=late) == []
    assert broken(DRAFT, now=late) == [("PM406", 1)]


def test_it_knows_no_deadline_without_a_severity_or_a_time():
    text = edited("2025-08-12 06:50 UTC / 15:50 JST – 08:10 UTC / 17:10 JST", "{いつ}", DRAFT).split("## 2.")[0]
    assert "PM406" not in dict(broken(text, now=T0 + timedelta(days=365)))
    assert "PM406" not in dict(broken(edited(" (SEV-2)", "", DRAFT), now=T0 + timedelta(days=365)))


def test_it_lets_a_draft_wait_for_what_is_to_be_filled_in():
    text = DRAFT
    for old, new in (
        ("ops-lead / IC", "{name}"),
        ("Do, Check", "{Plan/Do}"),
        ("ブローカー側のメンテナンスが重なった", "{環境}"),
        ("Alert `DoLatencyHigh`（p95 > 2s が 5 分継続）", "{Alert 名}"),
        ("| 2025-08-22 |", "| {YYYY-MM-DD} |"),
        ("| 未着手 |", "| {状態} |"),
        ("2025-08-12 06:50 UTC / 15:50 JST – 08:10 UTC / 17:10 JST", "{UTC/JST}"),
    ):
        text = edited(old, new, text)
    assert broken(text) == []
    assert {rule for rule, _ in broken(text.replace("Draft", "Final", 1))} >= {"PM102", "PM305", "PM405"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("発注 API の p95 レイテンシが 2 秒を超え、一部の注文が遅延した。", "{何が起きたか}"),
        ("抑制: `global_trading_pause=true`", "抑制: {経緯}"),
        ("財務影響: 軽微（レンジ A）", "財務影響: TBD"),
    ],
)
def test_a_draft_has_its_summary_timeline_and_impact_filled_in(old, new):
    text = edited(old, new, DRAFT)
    assert broken(text) == [("PM405", line_of(text, new))]


def test_braces_of_paths_and_queries_are_not_placeholders():
    text = edited("一部の注文が遅延した", "/v1/orders/{id} と up{job} と {a}.log が遅延した", DRAFT)
    assert broken(text) == []


def test_a_document_in_review_is_still_the_draft():
    assert broken(edited("Draft", "In Review", DRAFT)) == broken(edited("Draft", "in-review", DRAFT)) == []


def test_it_knows_no_zone_that_does_not_exist():
    text = edited("**Type:**", "**Time zone:** Tokio  \n**Type:**")
    assert broken(text) == [("PM102", line_of(text, "Tokio"))]


def test_it_reads_the_zone_that_the_document_names():
    text = FINAL
    for local in ("15:50", "17:10", "15:45", "15:55", "09:50", "13:50"):
        hour, minute = map(int, local.split(":"))
        text = text.replace(f"{local} JST", f"{(hour - 7) % 24:02}:{minute:02} CEST")
    assert "PM301" in dict(broken(text))
    assert broken(edited("**Type:**", "**Time zone:** Europe/Berlin  \n**Type:**", text)) == []


# --- the timeline as people write it --------------------------------------------------------------------------------


def timeline(*lines):
    """The document with another timeline; detection, mitigation and recovery may be missing in it."""
    before, after = FINAL.split("- T-5m")[0], FINAL.split("\n## 3.")[1]
    return f"{before}{chr(10).join(lines)}\n\n## 3.{after}"


@pytest.mark.parametrize(
    "text",
    [
        timeline(
            "- 2025-08-12 06:50-06:54 UTC / 15:50-15:54 JST Detection: x",
            "- 2025-08-12 06:55 utc / 15:55 jst 抑制: x",
            "- 2025年8月12日 8時10分 UTC / 17時10分 JST 復旧: x",
        ),
        timeline(
            "| Time (UTC) | Time (JST) | Event |",
            "|---|---|---|",
            "| 2025-08-12 06:50 | 2025-08-12 15:50 | Detection: x |",
            "| 06:55-07:10 | 15:55-16:10 | Rolled back |",
            "| 08：10 | 17：10 | Back to normal |",
        ),
        timeline(
            "| 時刻（JST） | 時刻（UTC） | 内容 |",
            "|---|---|---|",
            "| 2025-08-12 15:50 | 2025-08-12 06:50 | アラート発報: x |",
            "| 15:55 | 06:55 | 切り戻し |",
            "| 17:10:30 | 08:10:30 | 正常化 |",
        ),
        timeline(
            "時刻は UTC / Asia/Tokyo の順に書く。",
            "",
            "- 2025-08-12 06:50 / 15:50 検知: x",
            "- 06:55 / 15:55 抑制: x",
            "- 08:10 / 17:10 復旧: x",
        ),
        timeline(
            "- 2025-08-12 06:50 UTC / 15:50 Asia/Tokyo 発覚: x",
            "- 2025-08-12 06:55 UTC / 15:55 UTC+9 止血: x",
            "- 2025-08-12 08:10 UTC / 05:10 PM JST 収束: x",
        ),
    ],
    ids=["ranges", "header", "japanese header", "a line", "names of the zone"],
)
def test_it_reads_a_timeline_in_the_form_that_teams_use(text):
    assert broken(text, now=None, deadlines={}) == []


def test_it_points_once_to_the_header_if_a_whole_column_lacks_the_other_zone():
    text = timeline(
        "| Time (UTC) | Event |",
        "|---|---|",
        "| 2025-08-12 06:50 | Detection: x |",
        "| 06:55 | Mitigated |",
        "| 08:10 | Recovered |",
    )
    (finding,) = findings(text)
    assert (finding.rule_id, finding.line) == ("PM301", line_of(text, "Time (UTC)"))
    assert text.split("\n")[finding.line - 1][finding.column - 1 : finding.end_column - 1] == "Time (UTC)"
    assert broken(text, zone=ZoneInfo("UTC")) != broken(text)


def test_advice_fails_no_check_and_a_team_has_words_of_its_own():
    text = edited("抑制: ", "旗を下ろす: ")
    reported = findings(text)
    assert [f.rule_id for f in reported] == ["PM304"]
    assert not failed(reported, strict=True)
    assert broken(text, words={Topic.MITIGATION: ("旗を下ろす",)}) == []


def test_it_takes_the_metadata_from_the_top_as_well():
    lines = [line for line in FINAL.split("\n") if not line.startswith(("**Incident", "**Type", "**Status"))]
    top = "---\ntitle: x\nincident: INC-7\nstatus: Final\ntype: [execution, api]\n---\n"
    assert broken(top + "\n".join(lines)) == []
    assert broken(top.replace("INC-7", "7") + "\n".join(lines)) == [("PM102", 3)]


def underlined(text, rule):
    """What the findings of a rule are about."""
    lines = text.split("\n")
    return [lines[f.line - 1][f.column - 1 : f.end_column - 1] for f in findings(text) if f.rule_id == rule]


def test_it_underlines_what_a_finding_is_about():
    heading = edited("## 2. タイムライン（UTC/JST）", "## Timeline of the outage ##").split("- T-5m")[0] + "- 静か\n"
    assert set(underlined(heading, "PM304")) == {"Timeline of the outage"}
    assert underlined(edited("2025-08-22", "来週"), "PM504") == ["来週"]
    assert underlined(edited("しきい値を動的にする", r"a \| b").replace("2025-08-20", "soon"), "PM504") == ["soon"]
    assert underlined(edited(" (SEV-2)", ""), "PM104") == ["Postmortem — Do 層のレイテンシ悪化"]
    assert underlined(edited("06:55 UTC / 15:55 JST", "06:55 UTC / 16:55 JST"), "PM302") == ["16:55 JST"]
    assert underlined(edited("INC-7  ", "<!-- which --> incident 7  "), "PM102") == ["incident 7"]
    assert underlined(FINAL + "<!-- mttx-disable-line PM603: x -->\n", "PM903") == [
        "<!-- mttx-disable-line PM603: x -->"
    ]
    assert underlined('---\nincident: "7"\n---\n' + edited("**Incident:** INC-7  \n", ""), "PM102") == ["7"]


def test_it_says_what_is_missing_when_there_was_no_containment():
    text = edited("- T+5m 2025-08-12 06:55 UTC / 15:55 JST 抑制: `global_trading_pause=true`", "- 抑制: なし")
    assert broken(text) == []


def test_it_does_not_count_rules_that_are_disabled():
    assert broken(edited("§4.2", "担当者のミスが原因"), disabled=frozenset({"PM603"})) == []


def test_it_limits_the_findings_of_a_rule():
    assert len(broken(FINAL + "- 担当者のミス\n" * 500)) == 100


def test_it_accepts_utc_alone_where_people_live_by_it():
    text = FINAL
    for local in ("15:50", "17:10", "15:45", "15:55", "09:50", "13:50"):
        text = text.replace(f" / {local} JST", "")
    assert broken(text, zone=ZoneInfo("UTC")) == []


def test_every_rule_is_spoiled_here():
    elsewhere = {"PM103", "PM201", "PM404", "PM701"}
    assert {rule for rule, _, _ in SPOILED} | elsewhere == {rule.id for rule in RULES}


def test_it_reads_a_document_without_any_text():
    assert ("PM104", 1) in broken("")
    assert len(broken("", NAME)) == 1 + 7 + len(SectionKind)
