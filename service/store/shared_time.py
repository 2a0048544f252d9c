"""The time of day that all replicas have in common: the database's. One of them may have a clock that is wrong."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from service.store.engine import StoreUnavailable

AGAIN_SECONDS = 10.0


class SharedTime:
    """Asks the database now and then, and counts on from there by a clock that nobody can set.

    A lease is over, and an attempt is due, when all replicas think so. `read` begins a transaction; on a file that
    nobody shares the process's own clock is right enough.
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
        """Return the time at the database; what came last from there is counted on while it does not answer."""
        moment = self._moment()
        if self._shared and (self._asked is None or moment - self._asked >= AGAIN_SECONDS):
            self._asked = moment
            with suppress(StoreUnavailable):
                self._look()
        return self.of(own)

    def of(self, own: datetime) -> datetime:
        """Return the same without asking; `own`, which is by the process's clock, where nobody ever asked."""
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
                return  # it may be the time as we count it: a slow answer is no clock that was set
        self._seen = at, ended
