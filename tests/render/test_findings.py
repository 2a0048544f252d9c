"""Findings for people and programs: text with a caret, JSON, GitHub annotations, SARIF."""

import json

from service.postmortems.catalogue import RULES
from service.postmortems.finding_texts import as_github, as_json, as_sarif, as_text, summary
from service.postmortems.findings import Finding, FindingLevel

LINE = "- 連絡先: taro@corp.co.jp です"
MAIL = Finding(3, 8, 23, "PM602", FindingLevel.ERROR, "possible mail address")
WARNING = Finding(1, 1, 2, "PM603", FindingLevel.WARNING, "50% of it,\nor: more")


def test_it_shows_the_line_with_a_caret_below_wide_characters():
    assert as_text("a.md", MAIL, LINE).split("\n") == [
        "a.md:3:8: error PM602: possible mail address",
        f"    {LINE}",
        "    " + " " * 10 + "^" * 15,
    ]


def test_it_shows_only_the_words_where_the_line_is_blank():
    assert as_text("a.md", WARNING, "  ") == "a.md:1:1: warning PM603: 50% of it,\nor: more"


def test_it_shows_a_part_of_a_long_line():
    far = Finding(1, 5001, 5006, "PM602", FindingLevel.ERROR, "x")
    _, shown, carets = as_text("a.md", far, "a" * 5000 + "HERE!" + "b" * 5000).split("\n")
    assert len(shown) < 200
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "HERE!"


def test_it_shows_nothing_that_a_terminal_obeys():
    assert "\x1b" not in as_text("a.md", WARNING, "\x1b[31mred e\u0301")


def test_a_combining_character_has_no_width():
    finding = Finding(1, 3, 4, "PM602", FindingLevel.ERROR, "x")
    assert as_text("a.md", finding, "e\u0301x").split("\n")[2] == "     ^"


def test_it_writes_json():
    (finding,) = json.loads(as_json({"a.md": [MAIL], "b.md": []}))["findings"]
    assert finding == {
        "path": "a.md",
        "line": 3,
        "column": 8,
        "end_column": 23,
        "rule": "PM602",
        "level": "error",
        "title": "Personal data",
        "message": "possible mail address",
    }


def test_it_writes_annotations_for_github():
    assert (
        as_github("a,b.md", WARNING)
        == "::warning file=a%2Cb.md,line=1,endLine=1,col=1,endColumn=2,title=PM603::50%25 of it,%0Aor: more"
    )


def test_it_writes_sarif():
    sarif = json.loads(as_sarif({"a.md": [MAIL]}, "1.2"))
    (run,) = sarif["runs"]
    assert (sarif["version"], run["tool"]["driver"]["version"], run["columnKind"]) == (
        "2.1.0",
        "1.2",
        "unicodeCodePoints",
    )
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.id for rule in RULES]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "PM602"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a.md"},
        "region": {"startLine": 3, "startColumn": 8, "endColumn": 23},
    }


def test_it_sums_up():
    assert summary({"a.md": [MAIL, WARNING], "b.md": []}) == "2 documents: 1 error, 1 warning"
    assert summary({"a.md": []}) == "1 document: 0 errors, 0 warnings"
