"""The time that all replicas share: the database's, since a replica's own clock may be wrong."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from service.store.engine import StoreUnavailable

AGAIN_SECONDS = 10.0


class SharedTime:
    """Queries the database now and then, and counts on from there by the monotonic clock.

    All replicas then agree on when a lease is over and an attempt is due. `read` begins a transaction; for a file
    used by one process, that process's own clock is accurate enough.
    """

    def __init__(
        self,
        read: Callable[[], AbstractContextManager[Connection]],
        shared: bool,
        moment: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._shared = shared
        self._moment = moment
        self._asked: float | None = None
        self._seen: tuple[datetime, float] | None = None

    def now(self, own: datetime) -> datetime:
        """Return the database's time; while it does not answer, count on from its last response."""
        moment = self._moment()
        if self._shared and (self._asked is None or moment - self._asked >= AGAIN_SECONDS):
            self._asked = moment
            with suppress(StoreUnavailable):
                self._look()
        return self.of(own)

    def of(self, own: datetime) -> datetime:
        """Return the same without a query; `own`, the process's time, if there was none yet."""
        if self._seen is None:
            return own
        at, moment = self._seen
        return at + timedelta(seconds=self._moment() - moment)

    def _look(self) -> None:
        began = self._moment()
        with self._read() as connection:
            at = connection.execute(select(func.clock_timestamp())).scalar_one().astimezone(UTC)
        ended = self._moment()
        if self._seen is not None:
            counted, moment = self._seen
            if began <= moment + (at - counted).total_seconds() <= ended:
                return  # may agree with our count: a slow response does not mean that a clock was set
        self._seen = at, ended
