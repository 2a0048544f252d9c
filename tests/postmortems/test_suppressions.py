"""Switching a rule off: by a comment, with a reason, for a line, a stretch or the whole file."""

import pytest

from service.postmortems.suppressions import MOST
from tests.postmortems.documents import FINAL, broken, findings, line_of

BLAME = "- 担当者のミス"


def after(*lines):
    """The rules that are broken in a document that goes on with these lines."""
    return [rule for rule, _ in broken(FINAL + "\n".join(["", *lines, ""]))]


@pytest.mark.parametrize(
    "lines",
    [
        [f"{BLAME} <!-- mttx-disable-line PM603: 引用 -->"],
        ["<!-- mttx-disable-next-line PM603: 引用 -->", BLAME],
        ["<!-- mttx-disable-next-line", "PM603：複数行の", "理由 -->", BLAME],
        ["<!-- mttx-disable PM603: 引用 -->", BLAME, BLAME],
        ["<!-- mttx-disable PM603: 引用 -->", BLAME, "<!-- mttx-enable PM603 -->"],
        ["<!-- mttx-disable PM603: 引用 -->", BLAME, "<!-- mttx-enable -->"],
        [BLAME, "<!-- mttx-disable-file PM603: 顧客の言葉 -->"],
    ],
)
def test_it_disables_a_rule(lines):
    assert after(*lines) == []


def test_it_disables_several_rules():
    text = f"{BLAME} taro@corp.co.jp <!-- mttx-disable-line PM603, PM602: 例 -->"
    assert after(text) == []


def test_it_disables_a_rule_only_in_its_range():
    lines = ["<!-- mttx-disable PM603: 引用 -->", BLAME, "<!-- mttx-enable PM603 -->", BLAME]
    assert after(*lines) == ["PM603"]


def test_it_counts_the_first_of_two_that_open():
    lines = ["<!-- mttx-disable PM603: a -->", BLAME, "<!-- mttx-disable PM603: b -->", BLAME, "<!-- mttx-enable -->"]
    assert after(*lines) == []


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("mttx-disable-line PM603", "add a reason"),
        ("mttx-disable-line PM603:  ", "add a reason"),
        ("mttx-disable-line: because", "name the rules"),
        ("mttx-disable-line PM999: x", "unknown rule PM999"),
        ("mttx-disable-line PM902: x", "cannot be disabled"),
        ("mttx-off PM603: x", "write mttx-disable-line"),
    ],
)
def test_it_refuses_a_comment_without_a_reason_or_a_rule(comment, message):
    text = f"{FINAL}{BLAME} <!-- {comment} -->\n"
    reported = findings(text)
    assert [finding.rule_id for finding in reported] == ["PM603", "PM902"]
    assert message in reported[1].message
    assert reported[1].line == line_of(text, comment)


def test_it_reports_unused_suppressions():
    assert after("<!-- mttx-disable-next-line PM603: x -->", "- 良い") == ["PM903"]
    assert after("<!-- mttx-enable PM603 -->") == []


def test_it_does_not_take_code_for_a_comment():
    lines = ["```", "<!-- mttx-disable-file PM603: x -->", "```", "`<!-- mttx-disable-file PM603: x -->`", BLAME]
    assert after(*lines) == ["PM603"]


def test_it_limits_the_suppression_comments():
    rules = after(*["<!-- mttx-disable-file PM603: x -->"] * (MOST + 5), BLAME)
    assert rules == ["PM902"]
