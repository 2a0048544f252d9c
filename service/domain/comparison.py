"""Whether two samples differ by more than chance, and by how much: Mann and Whitney's test with Hodges and Lehmann's
shift. Exact where scipy is, and tested against it; nothing is random, so that every replica says the same.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import pairwise, repeat
from math import comb, erfc, isqrt, sqrt

SIGNIFICANT = 0.05
FEW = 8
"""Samples are compared exactly if one has at most this size, and no ties: `scipy.stats.mannwhitneyu(method="auto")`."""


class WindowChange(StrEnum):
    """How this window's intervals differ from those of the window before."""

    SHORTER = "shorter"
    LONGER = "longer"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """The samples of a window against those of the one before; `unfinished` incidents of both have none yet."""

    change: WindowChange
    incidents_before: int
    incidents: int
    unfinished: int
    find_shift: Callable[[], float | None] = field(repr=False)

    @cached_property
    def shift(self) -> float | None:
        """The shift in seconds, None if a window has no samples."""
        return self.find_shift()

    def without_samples(self) -> "Comparison":
        """Return the same, with its shift computed and without the samples for it."""
        seconds = self.shift
        return replace(self, find_shift=lambda: seconds)


def compare(before: Sequence[float], now: Sequence[float], unfinished: int) -> Comparison:
    """Compare two ascending samples, which are kept for their shift."""

    def find_shift() -> float | None:
        return shift(before, now) if before and now else None

    return Comparison(change(before, now), len(before), len(now), unfinished, find_shift)


def change(before: Sequence[float], now: Sequence[float]) -> WindowChange:
    """Return how the second of two ascending samples differs; each may be empty."""
    if not before or not now:
        return WindowChange.UNDECIDED
    u, p = mann_whitney(now, before)
    if p >= SIGNIFICANT:
        return WindowChange.UNDECIDED
    return WindowChange.LONGER if u > len(before) * len(now) / 2 else WindowChange.SHORTER


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return U and the two-sided p-value of two ascending samples, each of at least one.

    U is in how many pairs the first is greater, ties counting half; p the probability of a U at least as far from the
    middle if there is no difference.
    """
    combined = sorted([*first, *second])
    duplicates = Counter(sample for sample, following in pairwise(combined) if sample == following)
    u = _wins(first, second, ties=bool(duplicates))
    n, m = len(first), len(second)
    return u, _p_value(max(u, n * m - u), n, m, [number + 1 for number in duplicates.values()])


def _wins(first: Sequence[float], second: Sequence[float], ties: bool) -> float:
    if len(first) > len(second):
        return len(first) * len(second) - _wins(second, first, ties)
    smaller = sum(map(bisect_left, repeat(second), first))
    return (smaller + sum(map(bisect_right, repeat(second), first))) / 2 if ties else smaller


def _p_value(u: float, n: int, m: int, ties: Sequence[int]) -> float:
    if min(n, m) <= FEW and not ties:
        return min(1.0, 2 * _exact_tail(n * m - round(u), min(n, m), max(n, m)))
    total = n + m
    spread = total + 1 - sum(count**3 - count for count in ties) / (total * (total - 1))
    if spread <= 0:
        return 1.0  # all samples are equal
    return min(1.0, erfc((u - n * m / 2 - 0.5) / sqrt(n * m / 12 * spread) / sqrt(2)))


def _exact_tail(most: int, n: int, m: int) -> float:
    """Return the probability of a U of at most `most`, by counting the orders of n and m samples for each U.

    Their numbers are the coefficients of the Gaussian binomial, the product of (1 - x^(m+i)) / (1 - x^i) for i to n.
    """
    orders = [1] + [0] * most
    for i in range(1, n + 1):
        for u in range(most, m + i - 1, -1):
            orders[u] -= orders[u - m - i]
        for u in range(i, most + 1):
            orders[u] += orders[u - i]
    return sum(orders) / comb(n + m, n)


# -- how much they differ --------------------------------------------------------------------------------------------

_MICROSECONDS = 1_000_000


def shift(before: Sequence[float], now: Sequence[float]) -> float:
    """Return the median of all differences of a sample now and one before: two ascending samples of at least one.

    Samples are seconds, in whole microseconds. Takes O(n log n) time: few of the differences are ever computed.
    """
    xs, ys = ([round(seconds * _MICROSECONDS) for seconds in sample] for sample in (before, now))
    return _Differences(xs, ys).median() / _MICROSECONDS


class _Differences:
    """All y - x of ascending integers, by how many of them are at most some value."""

    def __init__(self, xs: Sequence[int], ys: Sequence[int]) -> None:
        self._xs, self._ys = xs, ys
        pairs = len(xs) * len(ys)
        self._ranks = (pairs - 1) // 2, pairs // 2
        """The ranks, from 0, of those in the middle: one, or two neighbours."""

    def median(self) -> float:
        """Return the median: the bracket around it is narrowed until it holds no more than there are samples."""
        first, last = self._ranks
        low, high = self._bracket()
        below, until = self._count(low), self._count(high)
        halve = False
        while until - below > len(self._xs) + len(self._ys):
            if high - low == 1:
                return high  # all that is left is equal
            part = 0.5 if halve else (first - below + 0.5) / (until - below)
            halve = not halve  # interpolating is quick, halving comes to an end
            pivot = min(high - 1, low + max(1, int((high - low) * part)))
            count = self._count(pivot)
            if count <= first:
                low, below = pivot, count
            elif count > last:
                high, until = pivot, count
            else:
                return self._around(pivot)
        inside = self._between(low, high)
        return (inside[first - below] + inside[last - below]) / 2

    def _bracket(self) -> tuple[int, int]:
        """Return two values around the median, growing from the difference of the medians."""
        xs, ys = self._xs, self._ys
        guess = ys[len(ys) // 2] - xs[len(xs) // 2]
        quartiles = sum(sample[len(sample) * 3 // 4] - sample[len(sample) // 4] for sample in (xs, ys))
        low = high = 1 + quartiles // isqrt(len(xs) + len(ys))
        while self._count(guess - low) > self._ranks[0]:
            low *= 2
        while self._count(guess + high) <= self._ranks[1]:
            high *= 2
        return guess - low, guess + high

    def _count(self, value: int) -> int:
        return sum(map(bisect_right, repeat(self._ys), map(value.__add__, self._xs)))

    def _around(self, value: int) -> float:
        """Return the middle between the greatest difference up to a value and the least one above it."""
        ys = self._ys
        ends = [(x, bisect_right(ys, x + value)) for x in self._xs]
        below = max(ys[end - 1] - x for x, end in ends if end)
        return (below + min(ys[end] - x for x, end in ends if end < len(ys))) / 2

    def _between(self, low: int, high: int) -> list[int]:
        """Return the differences above `low` up to `high`, ascending."""
        ys = self._ys
        return sorted(y - x for x in self._xs for y in ys[bisect_right(ys, x + low) : bisect_right(ys, x + high)])
