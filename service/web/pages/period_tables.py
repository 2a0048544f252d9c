"""The indicators of periods for the trends, kept until an incident of the period changes: each page reads a year."""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.domain.indicators import Row
from service.domain.periods import Period
from service.store import StoreUnavailable
from service.store.detection_days import changes_of
from service.web.indicators import selection_of
from service.web.services import Services

CHEAP_SECONDS = 0.05
KEEP = 20
"""A table that took longer than `CHEAP_SECONDS` is kept for so many times what it took, even if incidents change."""
MAX_KEPT = 500
TURN_SECONDS = 5.0
"""How long a reader waits while tables are computed for another."""

Key = tuple[Period, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class PeriodRows:
    """A period and its indicators that have samples, as the API gives them for the same period, without verdicts."""

    period: Period
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class _Kept:
    """Rows as of so many `changes`; until the monotonic clock shows `until` further ones are ignored."""

    rows: Sequence[Row]
    changes: int
    until: float

    def is_current(self, changes: int, moment: float) -> bool:
        return changes == self.changes or moment < self.until


class PeriodTables:
    """Computes tables one reader at a time; safe to use from many threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, periods: Sequence[Period], dimensions: Mapping[str, str], now: datetime) -> list[PeriodRows]:
        """Return the tables of these periods. Raises `StoreUnavailable`."""
        if not self._lock.acquire(timeout=TURN_SECONDS):
            msg = "the trends are being computed for another request, which takes long"
            raise StoreUnavailable(msg)
        try:
            changes = self._services.store.read(changes_of, periods)  # before the incidents: never newer than those
            pairs = zip(periods, changes, strict=True)
            return [PeriodRows(period, self._rows(period, dimensions, count, now)) for period, count in pairs]
        finally:
            self._lock.release()

    def _rows(self, period: Period, dimensions: Mapping[str, str], changes: int, now: datetime) -> Sequence[Row]:
        key, began = (period, tuple(sorted(dimensions.items()))), time.monotonic()
        kept = self._kept.get(key)
        if kept is None or not kept.is_current(changes, began):
            rows = self._computed(period, dimensions, now)
            cost = time.monotonic() - began
            kept = _Kept(rows, changes, began + cost * KEEP if cost >= CHEAP_SECONDS else began)
            self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return kept.rows

    def _computed(self, period: Period, dimensions: Mapping[str, str], now: datetime) -> Sequence[Row]:
        """Return what does not depend on the time of day: a verdict counts the incidents that have become late."""
        rows = self._services.select(selection_of(period, dimensions), now)[""]
        return [replace(row, verdict=None) for row in rows if row.summary.incidents]
