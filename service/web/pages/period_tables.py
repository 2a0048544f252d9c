"""The indicators of periods for the trends. Those of a huge store are kept for a while: each page reads a year."""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.indicators import Row
from service.domain.periods import Period
from service.store import StoreUnavailable
from service.web.indicators import selection_of
from service.web.services import Services

CHEAP_SECONDS = 0.05
KEEP = 20
KEEP_ENDED = 600
"""A table that took less than `CHEAP_SECONDS` is computed for each page. Others are kept for so many times what they
cost: corrections of a period that has ended are rare, and seen later."""
MAX_KEPT = 500
TURN_SECONDS = 5.0
"""How long a reader waits while tables are computed for another."""

Key = tuple[Period, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class PeriodRows:
    """A period and its indicators, as the API gives them for the same period."""

    period: Period
    rows: Sequence[Row]


class PeriodTables:
    """Computes tables one reader at a time; safe to use from many threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: OrderedDict[Key, tuple[float, Sequence[Row]]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, periods: Sequence[Period], dimensions: Mapping[str, str], now: datetime) -> list[PeriodRows]:
        """Return the tables of these periods. Raises `StoreUnavailable`."""
        if not self._lock.acquire(timeout=TURN_SECONDS):
            msg = "the trends are being computed for another request, which takes long"
            raise StoreUnavailable(msg)
        try:
            return [PeriodRows(period, self._rows(period, dimensions, now)) for period in periods]
        finally:
            self._lock.release()

    def _rows(self, period: Period, dimensions: Mapping[str, str], now: datetime) -> Sequence[Row]:
        key, began = (period, tuple(sorted(dimensions.items()))), time.monotonic()
        if key in self._kept and began < self._kept[key][0]:
            return self._kept[key][1]
        rows = self._services.select(selection_of(period, dimensions), now)[""]
        cost = time.monotonic() - began
        if cost >= CHEAP_SECONDS:
            self._kept[key] = (began + cost * (KEEP if period.goes_on(now) else KEEP_ENDED), rows)
            self._kept.move_to_end(key)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return rows
