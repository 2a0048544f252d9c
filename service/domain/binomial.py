"""The binomial distribution, as far as shares and quantiles need it: tails, the interval of a share, and which ranks of
a sample bound a quantile. Tested against scipy, which the service does without (docs/decisions.md).
"""

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from math import exp, lgamma, log, log1p

TAIL = 0.025
"""The probability on each side: two-sided 95 %."""
_NEGLIGIBLE = 1e-17
_HALVINGS = 60


def at_most(successes: int, trials: int, probability: float) -> float:
    """Return the probability of at most so many successes, where the `probability` of each lies between 0 and 1."""
    if successes < 0:
        return 0.0
    if successes >= trials:
        return 1.0
    if successes > trials * probability:
        return 1.0 - at_most(trials - successes - 1, trials, 1 - probability)
    ways = lgamma(trials + 1) - lgamma(successes + 1) - lgamma(trials - successes + 1)
    largest = exp(ways + successes * log(probability) + (trials - successes) * log1p(-probability))
    odds = (1 - probability) / probability
    term = total = 1.0
    for k in range(successes, 0, -1):  # below the mean each term is smaller than the one before
        term *= odds * k / (trials - k + 1)
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return largest * total


def share_bounds(successes: int, trials: int) -> tuple[float, float]:
    """Return the bounds of the share of successes in at least one trial (Clopper and Pearson 1934)."""
    return _lower_bound(successes, trials), 1 - _lower_bound(trials - successes, trials)


def _lower_bound(successes: int, trials: int) -> float:
    if successes == 0:
        return 0.0
    return _root(lambda share: at_most(trials - successes, trials, 1 - share) - TAIL)


def _root(increasing: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if increasing(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@lru_cache(maxsize=4096)  # a window's sample sizes change only with an incident
def bound_ranks(size: int, q: float) -> tuple[int | None, int | None]:
    """Return which samples of `size`, ranked from 1, bound their distribution's `q`-quantile; None: too few for that.

    By order statistics, whatever the distribution: the quantile lies below the lower bound with a probability of less
    than `TAIL`, and so above the upper one.
    """
    lower, upper = _lower_rank(size, q), size + 1 - _lower_rank(size, 1 - q)
    return lower or None, upper if upper <= size else None


def _lower_rank(size: int, q: float) -> int:
    """Return the number of samples of which so few, or fewer, would hardly ever lie below the quantile; 0 if none."""
    return bisect_left(range(size), TAIL, key=lambda number: at_most(number, size, q))
