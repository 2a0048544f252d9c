"""The document of an incident: filled in from the record, with the texts of people and alerts escaped, clean as a draft."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.policy import Domain, IncidentType, Indicator, Milestone, Severity, Stage
from service.postmortems import skeleton
from service.postmortems.context import LintContext
from service.postmortems.document import FieldName, SectionKind, Status
from service.postmortems.lint import lint, missing
from service.postmortems.reading import read
from service.postmortems.skeleton import (
    ActionFact,
    AlertFact,
    EvidenceFact,
    Interval,
    Link,
    Moment,
    PostmortemFacts,
    file_name,
    fill,
)
from service.render.templating import BadTemplate
from service.render.timeline import both
from tests.postmortems.documents import filled_in

TEMPLATES = Path(skeleton.__file__).parent / "templates"
T0 = datetime(2025, 8, 12, 22, 50, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LANGUAGES = ("ja", "en")
HOSTILE = "Orders | <b>late</b> <!-- mttx-disable-file PM601: x --> `x` *y* _z_ [a](b)\nSEV-1 taro@corp.co.jp"

TIMELINE = (
    Moment(T0 - 5 * MINUTE, "started"),
    Moment(T0, "detected", "DoLatencyHigh"),
    Moment(T0 + 2 * MINUTE, "acknowledged"),
    Moment(T0 + 3 * MINUTE, "note", "09:15 のデプロイを戻した"),
    Moment(T0 + 4 * MINUTE, "page_sent", "custom"),
    Moment(T0 + 5 * MINUTE, "mitigated"),
    Moment(T0 + 80 * MINUTE, "resolved"),
)


def facts(**changes):
    values = {
        "incident": "INC-7",
        "title": "Order latency above 2 s",
        "severity": Severity.SEV_2,
        "phase": "resolved",
        "zone": ZoneInfo("Asia/Tokyo"),
        "began_at": T0 - 5 * MINUTE,
        "milestones": {
            Milestone.STARTED: T0 - 5 * MINUTE,
            Milestone.DETECTED: T0,
            Milestone.ACKNOWLEDGED: T0 + 2 * MINUTE,
            Milestone.MITIGATED: T0 + 5 * MINUTE,
            Milestone.RESOLVED: T0 + 80 * MINUTE,
        },
        "roles": {"commander": "ic_lead", "comms": "comms", "observer": "obs", "lead-do": "do-lead"},
        "domains": (Domain.DO,),
        "types": (IncidentType.EXECUTION, IncidentType.API),
        "alerts": (AlertFact("DoLatencyHigh", "p95 > 2 s", (Link("graph", "http://prom/graph?g0.expr=a(b)|c"),)),),
        "intervals": (
            Interval(Indicator.DETECT, 5 * MINUTE, 5 * MINUTE),
            Interval(Indicator.ACKNOWLEDGE, None, 10 * MINUTE),
            Interval(Indicator.RESOLVE, 400 * MINUTE, 360 * MINUTE),
        ),
        "deadlines": {Stage.DRAFT: T0 + timedelta(hours=24), Stage.FINAL: T0 + timedelta(hours=72)},
        "timeline": TIMELINE,
        "actions": (ActionFact("A-01", "Larger pool", "Do", "2025-09-01", "Code", "load test", "completed"),),
        "links": (Link("Timeline", "https://grafana.example.com/d/x?var-incident=INC-7"), Link("odd", "javascript:x")),
    }
    return PostmortemFacts(**{**values, **changes})


BARE = {
    "milestones": {},
    "roles": {},
    "domains": (),
    "types": (),
    "alerts": (),
    "intervals": (),
    "deadlines": {},
    "timeline": (),
    "actions": (),
    "links": (),
    "phase": "detected",
}


ARCHIVES = (EvidenceFact("evidence-INC-7.zip", "0a" * 32, T0), EvidenceFact("second`|.zip", "0b" * 32, T0))


@pytest.mark.parametrize(("language", "label"), [("ja", "証跡アーカイブ"), ("en", "Evidence archive")])
def test_it_names_the_archives_that_were_collected(language, label):
    text, _ = made(language, evidence=ARCHIVES)
    lines = [line for line in text.splitlines() if label in line]
    assert [("0a" * 32 in line, "0b" * 32 in line) for line in lines] == [(True, False), (False, True)]
    assert "`evidence-INC-7.zip`" in lines[0]
    assert label not in made(language)[0]


def template(language):
    return (TEMPLATES / f"postmortem.{language}.md.j2").read_text(encoding="utf-8")


SHIPPED = {f"standard.{language}": template(language) for language in LANGUAGES}


def made(language="ja", name="standard", **changes):
    stem = language if name == "standard" else f"{name}.{language}"
    return fill(template(stem), facts(**changes), SHIPPED), file_name(facts(**changes))


def findings(text, name):
    """What a machine that knows nothing of the team finds."""
    return [(f.rule_id, f.line, f.message) for f in lint(read(name, text), LintContext(zone=ZoneInfo("Asia/Tokyo")))]


OF_DRAFT = r"^(1|2|3)\."
TEAMS = [
    {},
    BARE,
    {"milestones": {Milestone.DETECTED: T0}, "timeline": (Moment(T0, "detected"),), "phase": "acknowledged"},
    {"title": HOSTILE, "roles": {"commander": HOSTILE}, "alerts": (AlertFact("A", HOSTILE), AlertFact("B", ""))},
    {"timeline": (*TIMELINE, Moment(T0 + 90 * MINUTE, "note", HOSTILE))},
    {"actions": (ActionFact("A-01", HOSTILE, "", "", "", "", "open"),)},
    {"zone": ZoneInfo("America/Sao_Paulo")},
    {"zone": ZoneInfo("Europe/Berlin")},
    {"zone": ZoneInfo("Europe/London")},
    {"zone": ZoneInfo("UTC")},
]


@pytest.mark.parametrize("name", ["standard", "noctria"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("changes", TEAMS, ids=range(len(TEAMS)))
def test_it_is_a_draft_once_summary_timeline_and_impact_are_filled_in(name, language, changes):
    text, file = made(language, name, **changes)
    assert {rule for rule, _, _ in findings(text, file)} == {"PM405"}
    assert missing(read(file, text), frozenset(), final=False)
    filled = filled_in(text, OF_DRAFT, both(T0 + 3 * MINUTE, facts(**changes).zone))
    assert findings(filled, file) == []
    assert missing(read(file, filled), frozenset(), final=False) == []
    assert missing(read(file, filled), frozenset(), final=True)
    document = read(file, text)
    assert (document.status, document.severity, document.incident) == (Status.DRAFT, Severity.SEV_2, "INC-7")
    assert [section.kind for section in document.sections] == list(SectionKind)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("minutes", [2, 60, 80])
def test_the_mitigation_has_its_place_between_detection_and_recovery(language, minutes):
    milestones = {m: at for m, at in facts().milestones.items() if m is not Milestone.MITIGATED}
    text, file = made(language, milestones=milestones, timeline=tuple(m for m in TIMELINE if m.kind != "mitigated"))
    filled = filled_in(text, OF_DRAFT, both(T0 + minutes * MINUTE, facts().zone))
    assert [rule for rule, _, _ in findings(filled, file) if rule != "PM303"] == []
    order = [line for line in text.split("\n") if "{T+?m" in line or "復旧: " in line or "Recovery: " in line]
    assert "{T+?m" in order[0]


def test_the_second_template_asks_for_all_that_the_standard_asks_for_section_by_section():
    text = made("ja", "noctria", **BARE)[0]
    for chapter, words in zip(text.split("\n## ")[1:], OF_THE_STANDARD, strict=True):
        assert [word for word in words if word.casefold() not in chapter.casefold()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_template_has_no_words_of_one_trade(language):
    own = made(language, **BARE)[0].casefold()
    assert [word for word in ("win_rate", "slippage", "broker", "ブローカー", "order_id") if word in own] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_not_final_as_it_is(language):
    text, name = made(language)
    rules = {rule for rule, _, _ in findings(text.replace("**Status:** Draft", "**Status:** Final"), name)}
    assert {"PM402", "PM405"} <= rules


OF_THE_STANDARD = (
    ("1. 概要（Summary）", "何が起きたか", "1〜3行", "影響範囲", "期間/取引/金額/KPI/ユーザ", "現在の状態"),
    ("2. タイムライン（UTC", "検知", "抑制", "復旧", "原因仮説", "草案", "確定"),
    ("3. 影響評価（Impact）", "win_rate / max_dd / latency / slippage", "財務影響", "ユーザ/ステークホルダ"),
    (
        "4. 根本原因（RCA）",
        "技術",
        "5 Whys",
        "運用/人",
        "手順",
        "権限",
        "ゲート",
        "環境",
        "ブローカー/ネットワーク/時刻",
    ),
    (
        "5. 検出と対応（Detection & Response）",
        "検知方法",
        "クエリ",
        "しきい値",
        "初動",
        "所要",
        "有効",
        "改善すべき点",
    ),
    ("6. 再発防止策（Actions）", "| ID | 対策 | Owner | Due | 種別 | 検証/完了条件 |", "Risk-Register.md", "ADR"),
    ("7. 付随事項（Follow-ups）", "Runbooks", "§", "Observability", "注釈", "外部/内部", "共有先/ログ"),
    (
        "8. 添付（Evidence）",
        "ダッシュボード",
        "スクリーンショット",
        "構造化 JSON",
        "伏字",
        "order_id",
        "before/after",
    ),
    ("9. 学び（Lessons Learned）", "うまく機能したこと", "改善すべきプロセス", "文化/設計への示唆"),
)


def test_it_fills_in_what_is_recorded():
    text, name = made()
    assert name == "PM-20250812-order-latency-above-2-s.md"
    for line in (
        "# Postmortem — Order latency above 2 s (SEV-2)",
        "**Date/Window:** 2025-08-12 22:45 UTC / 2025-08-13 07:45 JST – 2025-08-13 00:10 UTC / 09:10 JST  ",
        "**Commander:** ic_lead  ",
        "**Do Lead:** do-lead  ",
        "**Domains:** Do  ",
        "**Type:** execution, api  ",
        "> 草案の期限: 2025-08-13 22:50 UTC / 2025-08-14 07:50 JST  ",
        "- 現在の状態: 復旧済",
        "- T-5m 2025-08-12 22:45 UTC / 2025-08-13 07:45 JST 影響の開始: {経緯}",
        "- T0 2025-08-12 22:50 UTC / 2025-08-13 07:50 JST 検知: DoLatencyHigh",
        r"- T+4m 2025-08-12 22:54 UTC / 2025-08-13 07:54 JST page_sent: custom",
        "- 影響時間: 85m",
        "- 検知方法: Alert `DoLatencyHigh` — p95 > 2 s [graph](http://prom/graph?g0.expr=a%28b%29%7Cc)",
        "| 検知までの時間（MTTD） | 5m | ≤ 5m | 達成 |",
        "| 初動までの時間（MTTA） | 記録なし | ≤ 10m | — |",
        "| 復旧までの時間（MTTR） | 6h40m | ≤ 6h | 未達 |",
        "| A-01 | Larger pool | Do | 2025-09-01 | Code | load test | 完了 |",
        "- [Timeline](https://grafana.example.com/d/x?var-incident=INC-7)",
        "- odd",
        "- Grafana の注釈: タグ `incident:INC-7`",
    ):
        assert line in text.split("\n")


def test_it_leaves_placeholders_for_what_is_not_recorded():
    text, _ = made(**{**BARE, "milestones": {Milestone.DETECTED: T0}, "timeline": (Moment(T0, "detected"),)})
    for line in (
        "**Date/Window:** 2025-08-12 22:45 UTC / 2025-08-13 07:45 JST – 継続中  ",
        "**Commander:** {name/role}  ",
        "- {T+?m YYYY-MM-DD HH:MM UTC / HH:MM JST} 抑制: {経緯。なければ「なし」}",
        "- 検知方法: {Alert 名/クエリ/しきい値/誰が}",
        "| A-01 | {対策} | {Owner} | {YYYY-MM-DD} | {Code/Config/Observability/Process} | {検証方法と完了条件} | 未着手 |",
    ):
        assert line in text.split("\n")


def test_it_escapes_markdown():
    text, _ = made(title=HOSTILE)
    assert text.split("\n")[0] == (
        r"# Postmortem — Orders \| \<b>late\</b> \<!-- mttx-disable-file PM601: x --> \`x\` \*y\* \_z\_ \[a\](b)"
        r" SEV-1 \[mail address removed\] (SEV-2)"
    )


def test_it_writes_code_that_may_stand_in_a_table():
    assert fill("{{ facts.title | code }}", facts(title="a | b ` c"), {}) == "`a \\| b ' c`\n"


def test_it_fills_in_templates_of_your_own():
    own = "{{ facts.incident }} {{ facts.began_at | both }}\n{% for a in facts.alerts %}{{ a.name }}{% endfor %}\n\n"
    assert fill(own, facts(), {}) == "INC-7 2025-08-12 22:45 UTC / 2025-08-13 07:45 JST\nDoLatencyHigh\n"


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("a\n{% if %}", "line 2: "),
        ("{{ facts.nothing }}", "has no attribute 'nothing'"),
        ("{{ facts.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_it_says_what_is_wrong_with_a_template(own, message):
    with pytest.raises(BadTemplate, match=message):
        fill(own, facts(), {})


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("発注 API の遅延", "PM-20250812-api.md"),
        ("発注の遅延", "PM-20250812-inc-7.md"),
        ("Ünïcode -- / ..", "PM-20250812-n-code.md"),
        ("x" * 90, f"PM-20250812-{'x' * 40}.md"),
    ],
)
def test_it_names_the_file_by_day_and_title(title, name):
    assert file_name(facts(title=title)) == name
    assert lint(read(name, ""), LintContext(zone=ZoneInfo("UTC")))[0].rule_id != "PM103"


def test_it_names_fields_that_the_linter_knows():
    assert set(read("x.md", made()[0]).fields) == set(FieldName) - {FieldName.TITLE, FieldName.SEVERITY}
