"""docs/lint/: a page for each rule, always the same headings, and examples that the linter itself agrees with."""

import re
from pathlib import Path

import pytest

from service.postmortems.catalogue import ALWAYS_ON, BY_ID, RULES

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/lint"
HEADINGS = ["What", "Why", "Example", "How to disable it"]


def page(rule):
    return (PAGES / f"{rule.id}.md").read_text(encoding="utf-8")


def test_ids_are_unique_and_in_order():
    assert [rule.id for rule in RULES] == sorted(BY_ID)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_a_page_with_the_same_headings(rule):
    text = re.sub("```.*?```", "an example of some length, in a block", page(rule), flags=re.DOTALL)
    assert text.startswith(f"# {rule.id} — {rule.title}\n\nLevel: {rule.level}\n\n## What\n")
    assert re.findall("^## (.*)$", text, re.MULTILINE) == HEADINGS
    switch = page(rule).split("## How to disable it")[1]
    assert (f"PM{rule.id[2:]}: " in switch) is (rule not in ALWAYS_ON)


def test_there_is_no_page_without_a_rule():
    assert {path.stem for path in PAGES.glob("PM*.md")} == set(BY_ID)


def test_the_table_of_rules_is_complete():
    rows = re.findall(
        r"^\| \[(PM\d{3})\]\((PM\d{3})\.md\) \| (\w+) \| (.+) \|$", (PAGES / "README.md").read_text(), re.MULTILINE
    )
    assert rows == [(rule.id, rule.id, rule.level.value, rule.title) for rule in RULES]
