"""Tails, bounds of shares and ranks of quantiles, against scipy."""

from random import Random

import pytest
from scipy import stats

from service.domain.binomial import TAIL, at_most, bound_ranks, share_bounds

CLOSE = 1e-9
SIZES = (1, 2, 3, 5, 6, 14, 71, 72, 110, 999, 10_000)


def cases(number=3000):
    """Return sizes, successes and probabilities: the ends and the middle of many, and some at random."""
    dice = Random(27)
    for size in SIZES:
        for successes in {0, 1, size // 2, size - 1, size}:
            yield size, successes, 0.5
            yield size, successes, 0.95
    for _ in range(number):
        size = dice.choice((dice.randint(1, 40), dice.randint(1, 3000)))
        yield size, dice.randint(0, size), dice.choice((0.05, 0.5, 0.95, dice.uniform(0.001, 0.999)))


def test_it_has_the_tails_of_scipy():
    rows = list(cases())
    sizes, successes, probabilities = zip(*rows, strict=True)
    assert [at_most(k, n, p) for n, k, p in rows] == pytest.approx(
        stats.binom.cdf(successes, sizes, probabilities), abs=CLOSE
    )


def test_it_has_no_fewer_successes_than_none_and_no_more_than_all():
    assert (at_most(-1, 5, 0.5), at_most(5, 5, 0.5), at_most(6, 5, 0.5)) == (0, 1, 1)
    assert at_most(0, 0, 0.5) == 1


def test_it_has_the_interval_of_scipy():
    rows = {(n, k) for n, k, _ in cases(200)}
    for size, successes in rows:
        bounds = stats.binomtest(successes, size).proportion_ci(0.95, method="exact")
        assert share_bounds(successes, size) == pytest.approx((bounds.low, bounds.high), abs=CLOSE)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_it_bounds_a_quantile_by_the_ranks_of_the_binomial_distribution(q):
    for size in (*range(1, 300), 999, 10_000, 50_000):
        lower, upper = int(stats.binom.ppf(TAIL, size, q)), int(stats.binom.isf(TAIL, size, q)) + 1
        assert bound_ranks(size, q) == (lower or None, upper if upper <= size else None)


def test_it_has_no_bounds_without_samples():
    assert bound_ranks(0, 0.5) == (None, None)


@pytest.mark.parametrize(
    ("q", "lower_from", "upper_from"), [(0.5, 6, 6), (0.95, 2, 72)], ids=["median", "95th percentile"]
)
def test_it_has_a_bound_once_there_are_enough_samples(q, lower_from, upper_from):
    ranks = {size: bound_ranks(size, q) for size in range(1, 100)}
    assert min(size for size, (lower, _) in ranks.items() if lower) == lower_from
    assert min(size for size, (_, upper) in ranks.items() if upper) == upper_from
