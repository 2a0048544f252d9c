"""The polling thread. Each poll decides what to ask; one that fails is repeated in the next round."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from service.background import BackgroundLoop
from service.clients.errors import RequestFailed
from service.recorder.commands import Busy
from service.store import StoreUnavailable

log = logging.getLogger(__name__)
STOP_SECONDS = 3.0
"""How long a stop waits for a request under way; polls only read, so that nothing is lost."""


class Poll(Protocol):
    """One thing to poll."""

    name: ClassVar[str]

    def run(self, now: datetime) -> None:
        """Ask, and record the response. Raises RequestFailed, Busy or StoreUnavailable."""


class Poller:
    """Runs every poll, again after each `interval`, until it is stopped."""

    def __init__(self, polls: Sequence[Poll], clock: Callable[[], datetime], interval: timedelta) -> None:
        self._polls = polls
        self._clock = clock
        self._loop = BackgroundLoop("poller", self.round, pause=interval.total_seconds(), delayed=True)
        self._failing: set[str] = set()

    def start(self) -> None:
        """Start the thread, if there is anything to poll."""
        if self._polls:
            self._loop.start()

    def stop(self) -> None:
        """Stop after the request under way, or without it if it takes too long."""
        self._loop.stop(STOP_SECONDS)

    def round(self) -> None:
        """Run every poll once; one that fails leaves the others alone."""
        for poll in self._polls:
            if self._loop.stopping.is_set():
                return
            try:
                poll.run(self._clock())
            except (RequestFailed, Busy, StoreUnavailable) as error:
                self._log_failure(poll, error)
            except Exception:
                log.exception("poll %s: unexpected error", poll.name)
            else:
                self._failing.discard(poll.name)

    def _log_failure(self, poll: Poll, error: Exception) -> None:
        """Log the first failure of a poll since it last succeeded; further ones at debug level."""
        level = logging.DEBUG if poll.name in self._failing else logging.WARNING
        self._failing.add(poll.name)
        log.log(level, "poll %s failed, retrying in the next round: %s", poll.name, error)
