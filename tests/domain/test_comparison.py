"""Comparing two samples, against scipy and against all their differences."""

from dataclasses import replace
from math import exp
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from service.domain.comparison import WindowChange, change, compare, mann_whitney, shift

CLOSE = 1e-9
SIZES = (1, 2, 3, 7, 8, 9, 30, 120)


def sample(dice, size, kinds):
    """Return ascending seconds, in microseconds: without ties, with many, with a long tail, or all equal."""
    kind = dice.choice(kinds)
    seconds = {
        "long tail": lambda: round(exp(dice.gauss(6, 1.5)), 6),
        "ties": lambda: float(dice.randrange(5)),
        "two values": lambda: dice.choice((0.0, 1e6)),
        "equal": lambda: 60.0,
    }[kind]
    return sorted(seconds() for _ in range(size))


def pairs(number, kinds=("long tail", "long tail", "ties", "two values", "equal")):
    dice = Random(27)
    for _ in range(number):
        chosen = (dice.choice(kinds),)
        yield sample(dice, dice.choice(SIZES), chosen), sample(dice, dice.choice(SIZES), chosen)


def test_it_tests_as_scipy_does():
    for before, now in pairs(2000):
        expected = stats.mannwhitneyu(now, before, method="auto")
        u, p = mann_whitney(now, before)
        assert u == expected.statistic
        assert p == pytest.approx(expected.pvalue, abs=CLOSE), (before, now)


@pytest.mark.parametrize("kind", ["long tail", "ties", "two values", "equal"])
def test_it_tests_large_samples_as_scipy_does(kind):
    dice = Random(27)
    before, now = sample(dice, 10_000, (kind,)), sample(dice, 9_999, (kind,))
    for one, other in ((before, now), (before[::2000], now), (now, before[::2000])):
        expected = stats.mannwhitneyu(other, one, method="auto")
        assert mann_whitney(other, one) == (expected.statistic, pytest.approx(expected.pvalue, abs=CLOSE))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([], [], WindowChange.UNDECIDED),
        ([1.0], [], WindowChange.UNDECIDED),
        ([], [1.0], WindowChange.UNDECIDED),
        ([5.0] * 50, [5.0] * 50, WindowChange.UNDECIDED),
        ([1.0, 2, 3], [4.0, 5, 6], WindowChange.UNDECIDED),  # p = 0.1: three can never show it
        ([1.0, 2, 3, 4], [5.0, 6, 7, 8], WindowChange.LONGER),  # p = 2 of 70
        ([5.0, 6, 7, 8], [1.0, 2, 3, 4], WindowChange.SHORTER),
        ([5.0] * 9, [7.0] * 9, WindowChange.LONGER),
    ],
)
def test_it_says_which_sample_is_the_longer_one_if_that_is_no_chance(before, now, expected):
    assert change(before, now) is expected


def test_it_shifts_by_the_median_of_all_differences():
    for before, now in pairs(1500):
        assert shift(before, now) == pytest.approx(median(y - x for x in before for y in now), abs=CLOSE)


MICROSECONDS = st.integers(0, 10**13) | st.integers(0, 3)
SAMPLES = st.lists(MICROSECONDS.map(lambda number: number / 1_000_000), min_size=1, max_size=30).map(sorted)


@given(SAMPLES, SAMPLES)
def test_it_shifts_any_samples_by_the_median_of_all_differences(before, now):
    assert shift(before, now) == pytest.approx(median(y - x for x in before for y in now), abs=1e-6, rel=CLOSE)


@given(SAMPLES, SAMPLES)
def test_it_says_the_opposite_of_the_opposite(before, now):
    opposite = dict(zip(WindowChange, (WindowChange.LONGER, WindowChange.SHORTER, WindowChange.UNDECIDED), strict=True))
    assert change(now, before) is opposite[change(before, now)]
    assert shift(now, before) == -shift(before, now)


@pytest.mark.parametrize("kind", ["long tail", "ties", "two values", "equal"])
def test_it_shifts_large_samples(kind):
    dice = Random(27)
    before, now = sample(dice, 1500, (kind,)), sample(dice, 1600, (kind,))
    assert shift(before, now) == pytest.approx(median(y - x for x in before for y in now), abs=CLOSE)


def test_it_says_the_same_without_the_samples():
    comparison = compare([60.0, 120.0], [300.0, 420.0, 480.0], unfinished=2)
    without = comparison.without_samples()
    assert without == replace(comparison, find_shift=without.find_shift)
    assert (without.shift, without.incidents_before, without.incidents, without.unfinished) == (330.0, 2, 3, 2)
    assert "420.0" not in repr(vars(without))


def test_it_has_no_shift_without_samples_on_both_sides():
    assert [compare(*samples, unfinished=0).shift for samples in (([], [1.0]), ([1.0], []), ([], []))] == [None] * 3
