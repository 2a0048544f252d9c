"""Documents from the wild, and documents that mean harm: never a crash, never a hang."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.postmortems.document import SectionKind
from tests.postmortems.documents import DRAFT, FINAL, NAME, broken, document, edited

TRIES = 5
"""A machine that others use too may count a reading dear that was not: what fails every time was."""
ORDINARY = FINAL * 8
LOG_LINE = '{"level":"info","component":"do","correlation_id":"c-1","msg":"発注しました"}\n'


def seconds(text):
    began = time.thread_time()
    broken(text)
    return time.thread_time() - began


def within_bounds(part, whole):
    """Hold the time for a text against that for a part of it, and against a document as people write them.

    No second is named, so that a slow machine may be slow. Twice the text takes twice as long, and four times as long where
    all is read again for each of its parts: the bound is between them. And nothing takes a hundred times as long as an
    ordinary document of its length.
    """
    grown, took = (len(whole) / len(part)) ** 1.5, []
    for _ in range(TRIES):
        ordinary = seconds(ORDINARY) * len(whole) / len(ORDINARY)
        took.append((ordinary, seconds(part), seconds(whole)))
        if took[-1][2] < min(grown * took[-1][1] + ordinary / 2, 100 * ordinary):
            return
    raise AssertionError(f"(an ordinary one, the part, the whole) in seconds: {took}")


# --- ten of the wild ------------------------------------------------------------------------------------------------


def test_windows_line_ends_and_a_byte_order_mark():
    assert broken("\ufeff" + FINAL.replace("\n", "\r\n")) == []


def test_escaped_pipes_and_code_in_a_table():
    text = edited("しきい値を動的にする", r"`a \| b` または x \| y を | 1 つにする".replace("を | 1", "を 1"))
    assert broken(text) == []
    assert document(text).section(SectionKind.ACTIONS).tables[0].rows[0][1].text == "`a | b` または x | y を 1 つにする"


def test_comments_anywhere():
    text = edited("## 3.", "<!-- 複数行の\n# 見出しではない\n## 3. Impact\n{placeholder} TBD\n-->\n\n## 3.")
    text = edited("- T+5m", "- <!-- 抑制 --> T+5m", text)
    assert broken(text) == []


def test_lists_in_lists():
    nested = "- **技術**\n  - 1. 接続プール\n    - 上限が低い\n      - 再接続が集中した\n"
    assert broken(edited("- **技術**: 接続プールの上限が低く、再接続が集中した\n", nested)) == []


def test_front_matter_that_is_no_yaml():
    assert broken("---\n: [\n---\n" + FINAL) == []


def test_sections_that_are_missing_or_called_otherwise():
    text = "# 障害報告 — 夜間バッチ (Sev-3)\n\n**ステータス：** Draft\n\n## 経緯\n\n## 原因分析\n- 技術: x\n\nおわり\n"
    rules = {rule for rule, _ in broken(text)}
    assert rules == {"PM101", "PM201", "PM402"}


@pytest.mark.no_cover
def test_two_megabytes_of_logs():
    def logs(lines):
        return edited("- ログ: evidence/INC-7/logs.json\n", f"- ログ: logs.json\n\n```json\n{LOG_LINE * lines}```\n\n")

    assert len(logs(25_000).encode()) > 2_000_000
    assert broken(logs(25_000)) == []
    within_bounds(logs(6_250), logs(25_000))


def test_zones_of_all_kinds():
    text = edited("06:55 UTC / 15:55 JST", "06:55Z（2025-08-12T15:55+09:00）")
    text = edited("08:10 UTC / 17:10 JST 復旧", "08:10:30 UTC / 17:10:30 JST 復旧", text)
    assert broken(text) == []
    assert [rule for rule, _ in broken(edited("15:55 JST", "08:55 CEST"))] == ["PM301", "PM301"]


def test_headings_below_and_underlined_headings():
    text = edited("## 3. 影響評価（Impact）", "影響評価（Impact）\n---").replace("## 7.", "### 7.")
    assert [rule for rule, _ in broken(text)] == ["PM201"]


def test_a_template_that_nobody_filled_in():
    template = """# Postmortem — {短い件名} (Sev-X)

**Status:** Draft | Final  
**Date/Window:** {UTC/JST}  

## 1. 概要（Summary）
- 何が起きたか（1〜3行）。

## 2. タイムライン（UTC/JST）
- T0 検知: ...
- T+5m 抑制: `global_trading_pause=true`
"""
    rules = {rule for rule, _ in broken(template)}
    assert {"PM101", "PM104", "PM105", "PM201", "PM301", "PM304"} <= rules


# --- those that mean harm -------------------------------------------------------------------------------------------

HARMFUL = {
    "quotes in quotes": "> " * 200_000,
    "lazy lines in deep quotes": "> " * 19 + "a\n" + "b\n" * 12_000,
    "lists in lists": "\n".join("  " * depth + "- a" for depth in range(1000)),
    "markers in a line": "- " * 200_000,
    "numbered markers": "1. " * 200_000,
    "open brackets": "[" * 1_000_000,
    "backticks": "\n".join("`" * length for length in range(1, 1500)),
    "pairs of backticks": "`a`" * 500_000,
    "asterisks": "**" * 500_000,
    "backslashes": "\\" * 1_000_000,
    "open comments": "<!--" * 400_000,
    "empty comments": "<!-- -->" * 200_000,
    "open tags": "<a " * 400_000,
    "pipes": "|" * 500_000 + "\n" + "|-" * 250_000,
    "a wide table with short rows": ("|" + "a|" * 200 + "\n|" + "-|" * 200 + "\nx\n" + "x\n" * 400 + "\n") * 10,
    "suppressions": "<!-- mttx-disable-line PM601 PM602 PM603: x -->\n" * 30_000,
    "a million lines": "a\n" * 1_000_000,
    "one long line": "a" * 2_000_000,
    "blank": " \n" * 500_000,
    "placeholders": "{a} " * 400_000,
    "open braces": "{" * 1_000_000,
    "colons": ":" * 1_000_000,
    "times": "00:00 UTC " * 200_000,
    "entries": "- 2025-01-01 00:00 UTC / 09:00 JST 検知: x\n" * 40_000,
    "offsets": "T+1m " * 400_000,
    "addresses": "a@b.co " * 300_000,
    "ats": "@" * 1_000_000,
    "digits": "4" * 1_000_000,
    "passwords": "password=" * 200_000,
    "schemes": "://" * 500_000,
    "honorifics": "さん" * 500_000,
    "same heading": "## 概要\n" * 50_000,
}


@pytest.mark.no_cover
@pytest.mark.parametrize("name", HARMFUL)
def test_it_takes_its_time_and_no_more(name):
    def chapters(length):
        return DRAFT.split("\n## ")[0] + "".join(f"\n\n## {kind}\n{HARMFUL[name][:length]}" for kind in SectionKind)

    within_bounds(HARMFUL[name][:12_500], HARMFUL[name][:50_000])
    within_bounds(chapters(2_000), chapters(4_000))


@pytest.mark.no_cover
@pytest.mark.parametrize("yaml", ["a: " + "[" * 5000, "a: &a [*a]\n", "- a\n", "title: [a, b]\n" * 3000, "? \n"])
def test_it_survives_front_matter(yaml):
    assert broken(f"---\n{yaml}\n---\n{FINAL}") == []


PIECES = st.sampled_from(
    [
        *FINAL.split("\n"),
        "```",
        "~~~",
        "<!--",
        "-->",
        "---",
        "| a |",
        "|-|",
        "> ",
        "\t",
        "   - ",
        "<div>",
        "\x00",
        "\u2028",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES | st.text(max_size=40), max_size=60).map("\n".join), st.booleans())
def test_it_never_fails_whatever_the_text(text, final):
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for rule, line in broken(text, NAME):
        assert rule.startswith("PM")
        assert 1 <= line <= len(lines)
