"""Series thinned out for a picture: the lowest and the highest value of each narrow time range are kept."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter

BUCKETS = 700
"""How many time ranges a picture is wide; more would be indistinguishable."""
MAX_CURVES = 100
"""How many series are kept for a picture, which shows fewer still."""


@dataclass(slots=True)
class Curve:
    """One series; `buckets` hold (time, value) of the lowest and the highest sample of a time range."""

    name: str
    buckets: dict[int, list[tuple[datetime, float]]] = field(default_factory=dict)

    def add(self, bucket: int, at: datetime, value: float) -> None:
        """Add a sample."""
        kept = self.buckets.setdefault(bucket, [])
        kept.append((at, value))
        if len(kept) > 2:
            low, high = min(kept, key=itemgetter(1)), max(kept, key=itemgetter(1))
            kept[:] = sorted({low, high})

    @property
    def peak(self) -> float:
        """The largest absolute value."""
        return max((abs(value) for kept in self.buckets.values() for _, value in kept), default=0.0)

    def points(self) -> tuple[list[datetime], list[float]]:
        """Return the samples in order; a NaN breaks the line where samples are missing."""
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
        """Return how far apart samples may be: with a coarse step most time ranges have none."""
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
        """Add a series; only finite values can be drawn."""
        if name not in self._curves and len(self._curves) >= MAX_CURVES:
            self.left_out.add(name)
            return
        curve = self._curves.setdefault(name, Curve(name))
        for at, text in samples:
            value = float(text)
            if math.isfinite(value):
                curve.add((at - self._begin) // self._width, at, value)

    def highest(self, number: int) -> list[Curve]:
        """Return the series with the highest peaks, by name."""
        top = sorted(self._curves.values(), key=lambda curve: (-curve.peak, curve.name))[:number]
        return sorted(top, key=lambda curve: curve.name)

    def __len__(self) -> int:
        return len(self._curves) + len(self.left_out)
