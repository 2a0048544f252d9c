"""The thread that asks. Each step looks for what it wants to know; what fails is asked again in the next round."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from service.clients.json_api import RequestFailed
from service.recorder.commands import Busy
from service.store import StoreUnavailable

log = logging.getLogger(__name__)
STOP_SECONDS = 3.0
"""How long a stop waits for a question under way; it only reads, so nothing is lost."""


class Step(Protocol):
    """One kind of question."""

    name: str

    def step(self, now: datetime) -> None:
        """Ask what there is to ask, and have it recorded. Raises RequestFailed, Busy or StoreUnavailable."""


class Inquiry:
    """Runs every step, again after each `interval`, until it is stopped."""

    def __init__(self, steps: Sequence[Step], clock: Callable[[], datetime], interval: timedelta) -> None:
        self._steps = steps
        self._clock = clock
        self._interval = interval.total_seconds()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inquiry", daemon=True)
        self._failing: set[str] = set()

    def start(self) -> None:
        """Begin, where there is anything to ask."""
        if self._steps:
            self._thread.start()

    def stop(self) -> None:
        """Stop after the question under way, or without it where that takes too long."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def round(self) -> None:
        """Run every step once; one that fails leaves the others alone."""
        for step in self._steps:
            if self._stop.is_set():
                return
            try:
                step.step(self._clock())
            except (RequestFailed, Busy, StoreUnavailable) as error:
                self._tell(step, error)
            except Exception:
                log.exception("%s: failed", step.name)
            else:
                self._failing.discard(step.name)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.round()

    def _tell(self, step: Step, error: Exception) -> None:
        """Say that a step fails, once until it works again."""
        level = logging.DEBUG if step.name in self._failing else logging.WARNING
        self._failing.add(step.name)
        log.log(level, "%s waits: %s", step.name, error)
