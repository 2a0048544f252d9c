"""The expressions of declarations: what they select, what is refused when they are read, and that each of them ends."""

import inspect
import sys
import time
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.intake.expressions import (
    FUNCTIONS,
    LONGEST_EXPRESSION,
    LONGEST_JOINED,
    BadExpression,
    Evaluation,
    TooExpensive,
    expression,
)

BODY = {
    "event": {"type": "incident.resolved", "id": 7},
    "data": {"severity": None, "name": "Shop", "milestones": [{"type": "started", "at": "10:00"}, {"type": "done"}]},
    "ok": False,
    "zero": 0,
    "tags": ["a", "b"],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.type", "incident.resolved"),
        ("event.missing.deeper", None),
        ("data.severity.name || 'none'", "none"),
        ("data.milestones[?type=='started'].at | [0]", "10:00"),
        ("data.milestones[*].type | [-1]", "done"),
        ("starts_with(event.type, 'incident.')", True),
        ("ends_with(event.type, 'resolved') && !ok", True),
        ("contains(tags, 'b')", True),
        ("contains(keys(@), 'event')", True),
        ("join('-', [data.name, to_string(event.id)])", "Shop-7"),
        ("lower(data.name)", "shop"),
        ("not_null(data.severity, data.name)", "Shop"),
        ("to_number('12')", 12),
        ("length(tags) > `1`", True),
        ("type(data.severity)", "null"),
        ("zero || 'never'", 0),
        ("!(data.severity.name)", True),
    ],
)
def test_it_selects_what_jmespath_says(text, value):
    assert Evaluation(BODY).value(expression(text)) == value


@pytest.mark.parametrize(
    "text", ["starts_with(event.id, 'x')", "join('', [event.id])", "event.type < zero", "lower(ok)"]
)
def test_a_type_that_does_not_fit_selects_nothing(text):
    assert Evaluation(BODY).value(expression(text)) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "JMESPath"),
        ("event.", "JMESPath"),
        ("event[", "JMESPath"),
        ("`{`", "not JSON"),
        ("event.type == `resolved`", "single quotes"),
        ("$.event", "JMESPath"),
        ("sum(tags)", "calls sum"),
        ("upper(a)", "calls upper"),
        ("lower()", "with 0 arguments; it takes 1"),
        ("length(a, b)", "with 2 arguments; it takes 1"),
        ("not_null()", "or more"),
        ("!event.type", "part of a truth value"),
        ("[a, b]", "multi select list"),
        ("join([a], 'x')", "multi select list"),
        ("join(',', [[a, b]])", "multi select list"),
        ("{a: b}", "multi select dict"),
        ("a[][]", "flatten"),
        ("a.*", "value projection"),
        ("a[1:2]", "slice"),
        ("map(&a, b)", "calls map"),
        ("!" * 40 + "a", "too deeply"),
        ("[?" * 160 + "a" + "]" * 160, "too deeply"),
        ("a" * (LONGEST_EXPRESSION + 1), "longer than"),
    ],
)
def test_it_refuses_what_cannot_work_and_what_could_multiply(text, why):
    with pytest.raises(BadExpression, match=why):
        expression(text)


def test_it_refuses_what_python_cannot_nest():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        with pytest.raises(BadExpression, match="too deeply"):
            expression("(" * 100 + "a" + ")" * 100)
    finally:
        sys.setrecursionlimit(limit)


def test_a_condition_is_true_as_in_jmespath():
    held = Evaluation(BODY)
    assert [held.holds(expression(text)) for text in ("zero", "tags", "ok", "event.no", "''", "`[]`")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert held.holds(None)


def test_the_steps_of_all_expressions_for_a_body_are_counted():
    evaluation, text = Evaluation({"rows": [{"x": 1}] * 100}), expression("rows[?x==`2`]")
    times = repeat(text)
    with pytest.raises(TooExpensive):
        [evaluation.value(each) for each in times]


def test_a_filter_in_a_filter_ends_within_a_moment():
    began = time.monotonic()
    for text in ("`[1,2,3,4,5,6,7,8,9]`[?" * 7 + "@" + "]" * 7, "rows[?@] | [?@]"):
        with pytest.raises(TooExpensive):
            Evaluation({"rows": [1] * 100_000}).value(expression(text))
    assert time.monotonic() - began < 10  # the machine may be busy


def test_a_text_that_doubles_stops():
    doubled = "join('', [@, @])"
    with pytest.raises(TooExpensive):
        Evaluation("x" * (LONGEST_JOINED // 100)).value(expression(" | ".join([doubled] * 20)))


def test_every_function_can_be_called():
    for name in FUNCTIONS:
        with pytest.raises(BadExpression, match="arguments"):
            expression(f"{name}()")


@settings(max_examples=300, deadline=None)
@given(st.text("ab.[]?|&!=<>'`\"@(){}:,*01 joinlower", max_size=60))
def test_any_text_is_an_expression_or_refused(text):
    try:
        read = expression(text)
    except BadExpression:
        return
    try:
        Evaluation({"a": [1, {"b": "x"}], "b": "y"}).value(read)
    except TooExpensive:
        return
