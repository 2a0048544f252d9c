"""Windows of simulated incidents, and how often the rules are wrong about them.

Durations are log-normal with a mean of three times the median, as those of real incidents are. Everything is seeded.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from math import exp, log, sqrt
from random import Random
from statistics import NormalDist

from service.domain.comparison import WindowChange, change
from service.domain.indicators import quantile
from service.domain.policy import Statistic
from service.domain.verdicts import SHARES, Verdict, quantile_bounds, verdict

MEDIAN = 300.0
SPREAD = sqrt(2 * log(3))
P95_SHARE = SHARES[Statistic.P95]


def true_quantile(q: float) -> float:
    """Return the quantile of the distribution, in seconds."""
    return MEDIAN * exp(SPREAD * NormalDist().inv_cdf(q))


def windows(incidents: int, number: int, seed: int = 27) -> Iterator[list[float]]:
    """Yield windows of ascending durations."""
    dice = Random(f"{seed} {incidents}")
    for _ in range(number):
        yield sorted(MEDIAN * exp(dice.gauss(0, SPREAD)) for _ in range(incidents))


def alarms(incidents: int, number: int, limit: float) -> tuple[float, float]:
    """Return how often a p95 target is called missed by its verdict, and by comparing the p95 itself with the limit."""
    missed = above = 0
    for ordered in windows(incidents, number):
        missed += verdict(bisect_right(ordered, limit), incidents, P95_SHARE) is Verdict.MISSED
        above += quantile(ordered, P95_SHARE) > limit
    return missed / number, above / number


def coverage(incidents: int, number: int) -> dict[tuple[str, str], float]:
    """Return how often each bound lies on its side of the true quantile, for the bounds that are there."""
    hits: Counter[tuple[str, str]] = Counter()
    both: Counter[str] = Counter()
    true = {statistic: true_quantile(share) for statistic, share in SHARES.items()}
    for ordered in windows(incidents, number):
        bounds = quantile_bounds(ordered)
        for (statistic, bound), seconds in bounds.items():
            hits[statistic, bound] += seconds <= true[statistic] if bound == "lower" else seconds >= true[statistic]
        for statistic in {statistic for statistic, _ in bounds}:
            sides = [bounds.get((statistic, bound)) for bound in ("lower", "upper")]
            if None not in sides:
                both[statistic] += sides[0] <= true[statistic] <= sides[1]
    shares = {key: count / number for key, count in hits.items()}
    return shares | {(statistic, "both"): count / number for statistic, count in both.items()}


def false_changes(before: int, now: int, number: int) -> float:
    """Return how often two windows of the same distribution are said to differ."""
    pairs = zip(windows(before, number, seed=1), windows(now, number, seed=2), strict=True)
    return sum(change(*pair) is not WindowChange.UNDECIDED for pair in pairs) / number
