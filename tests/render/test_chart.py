"""The geometry of a line chart."""

import pytest
from hypothesis import given
from hypothesis.strategies import floats, lists, none, one_of

from service.render.chart import BOTTOM, LEFT, RIGHT, TOP, chart

VALUES = one_of(none(), floats(0, 10**8))


def test_a_period_without_a_value_interrupts_the_line():
    drawn = chart([[60, None, 120, 180]], None)
    assert [[mark.value for mark in run] for run in drawn.lines[0]] == [[60], [120, 180]]
    assert drawn.target_y is None


def test_the_grid_is_round_and_reaches_the_highest_value_or_the_target():
    drawn = chart([[60, 170]], 600)
    assert [value for value, _ in drawn.grid] == [0, 120, 240, 360, 480, 600]
    assert drawn.target_y == drawn.grid[-1][1] == TOP
    assert drawn.grid[0] == (0, BOTTOM)


def test_days_are_round_too():
    assert [value for value, _ in chart([[30 * 86400.0]], None).grid] == [n * 6 * 86400 for n in range(6)]


@pytest.mark.parametrize("series", [[], [[]], [[None, None]]])
def test_without_values_there_is_nothing_to_draw(series):
    assert chart(series, None).is_empty


def test_the_last_period_is_always_named():
    drawn = chart([[1.0] * 26], None)
    assert drawn.names[-1][0] == 25
    assert len(drawn.names) <= 7


@given(values=lists(VALUES, min_size=1, max_size=60), target=VALUES)
def test_everything_lies_within_the_picture(values, target):
    drawn = chart([values], target)
    marks = [mark for run in drawn.lines[0] for mark in run]
    assert all(LEFT <= mark.x <= RIGHT and TOP - 1 <= mark.y <= BOTTOM for mark in marks)
    assert len(marks) == sum(value is not None for value in values)
    assert len(drawn.grid) <= 7
