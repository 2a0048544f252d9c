"""The comparisons with the windows before, which double what is read: in a large store they are computed beside."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from service.domain.comparison import Comparison
from service.domain.policy import Indicator, Severity
from service.store import StoreUnavailable

KEPT = timedelta(minutes=30)
"""How long they are kept; they change with the weeks."""
_LOG = logging.getLogger(__name__)
Compared = Mapping[tuple[str, Indicator, Severity | None], Comparison]
"""The comparisons by window, indicator and severity."""


class KeptComparisons:
    """The comparisons of a large store, as of the last time that they were computed. Safe to use from many threads.

    `compute` returns those of an instant, and raises `StoreUnavailable`.
    """

    def __init__(self, compute: Callable[[datetime], Compared]) -> None:
        self._compute = compute
        self._turn = threading.Lock()
        self._kept: tuple[datetime, Compared] | None = None

    def latest(self, now: datetime) -> Compared:
        """Return those computed last, none at first; new ones are begun in a thread if they are older than `KEPT`."""
        kept = self._kept
        is_current = kept is not None and kept[0] <= now < kept[0] + KEPT
        if not is_current and self._turn.acquire(blocking=False):
            threading.Thread(target=self._renew, args=(now,), name="comparisons", daemon=True).start()
        return kept[1] if kept else {}

    def _renew(self, now: datetime) -> None:
        try:
            self._kept = now, self._compute(now)
        except StoreUnavailable as error:
            _LOG.warning("the windows are not compared with those before: %s", error)
        finally:
            self._turn.release()
