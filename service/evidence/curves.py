"""Series thinned out for a picture: of each narrow stretch of time the lowest and the highest value are kept."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

BUCKETS = 700
"""How many stretches a picture is wide; more could not be told apart on it."""
MOST_CURVES = 100
"""How many series are kept for a picture, which shows fewer still."""


@dataclass(slots=True)
class Curve:
    """One series; `buckets` hold (time, value) of the lowest and the highest sample of a stretch, None: no number."""

    name: str
    buckets: dict[int, list[tuple[datetime, float]]] = field(default_factory=dict)

    def add(self, bucket: int, at: datetime, value: float) -> None:
        """Take a sample in."""
        kept = self.buckets.setdefault(bucket, [])
        kept.append((at, value))
        if len(kept) > 2:
            low, high = min(kept, key=lambda one: one[1]), max(kept, key=lambda one: one[1])
            kept[:] = sorted({low, high})

    @property
    def peak(self) -> float:
        """Return the largest value without its sign."""
        return max((abs(value) for kept in self.buckets.values() for _, value in kept), default=0.0)

    def points(self) -> tuple[list[datetime], list[float]]:
        """Return the samples in order; where samples are missing the line is broken by a value that is none."""
        times: list[datetime] = []
        values: list[float] = []
        gap = self._usual_gap()
        before: int | None = None
        for bucket in sorted(self.buckets):
            if before is not None and bucket - before > gap:
                times.append(times[-1])
                values.append(math.nan)
            for at, value in self.buckets[bucket]:
                times.append(at)
                values.append(value)
            before = bucket
        return times, values

    def _usual_gap(self) -> int:
        """Return how far apart samples may be: with a coarse step most stretches of time have none."""
        order = sorted(self.buckets)
        apart = sorted(later - earlier for earlier, later in pairwise(order))
        return 2 * apart[len(apart) // 2] if apart else 1


class Curves:
    """All series of one query, as they come page by page."""

    def __init__(self, begin: datetime, end: datetime) -> None:
        self._begin = begin
        self._width = max((end - begin) / BUCKETS, timedelta(milliseconds=1))
        self._curves: dict[str, Curve] = {}
        self.left_out: set[str] = set()

    def add(self, name: str, samples: Iterable[tuple[datetime, str]]) -> None:
        """Take a series in; values that are no finite numbers cannot be drawn."""
        if name not in self._curves and len(self._curves) >= MOST_CURVES:
            self.left_out.add(name)
            return
        curve = self._curves.setdefault(name, Curve(name))
        for at, written in samples:
            value = float(written)
            if math.isfinite(value):
                curve.add((at - self._begin) // self._width, at, value)

    def highest(self, number: int) -> list[Curve]:
        """Return those that reach highest, by name."""
        top = sorted(self._curves.values(), key=lambda curve: (-curve.peak, curve.name))[:number]
        return sorted(top, key=lambda curve: curve.name)

    def __len__(self) -> int:
        return len(self._curves) + len(self.left_out)
