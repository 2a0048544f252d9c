"""Periodic upkeep: closing stale incidents, taking samples, deleting old raw bodies.

It starts by recomputing, by today's rules, what an earlier version recorded.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from service.recorder.commands import Busy, Command, Refold, StoreUnavailable
from service.recorder.writer import Recorder
from service.store import Store

REFOLD_AT_ONCE = 100
REFOLD_PAUSE_SECONDS = 2.0
LOG_EVERY = 1000
log = logging.getLogger(__name__)


def refold(recorder: Recorder, store: Store, clock: Callable[[], datetime], stopping: threading.Event) -> None:
    """Recompute what an earlier version recorded, a few incidents at a time; the next start continues with the rest.

    The log shows the progress and finally how many incidents changed.
    """
    total = left = store.count_outdated()
    if not total:
        return
    log.info("recomputing %d incidents of an earlier version", total)
    changed = logged = 0
    while left and not stopping.is_set():
        try:
            changed += len(recorder.submit(Refold(REFOLD_AT_ONCE, clock())))
            left = store.count_outdated()
        except (Busy, StoreUnavailable) as error:
            log.warning("recomputing waits: %s", error)
            stopping.wait(REFOLD_PAUSE_SECONDS)
        if total - left - logged >= LOG_EVERY:
            logged = total - left
            log.info("recomputed %d of %d incidents", logged, total)
    log.info("recomputed %d of %d incidents; %d changed", total - left, total, changed)


class Upkeep:
    """Submits the commands that `due` names, every `interval` seconds until stopped. A failed one waits its turn."""

    def __init__(
        self,
        recorder: Recorder,
        store: Store,
        due: Callable[[datetime], Iterable[Command]],
        clock: Callable[[], datetime],
        interval: float,
    ) -> None:
        self._recorder = recorder
        self._store = store
        self._due = due
        self._clock = clock
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the command in progress."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            refold(self._recorder, self._store, self._clock, self._stop)
        except Exception as error:  # the next start retries; everything else continues
            log.error("incidents of an earlier version are not recomputed: %r", error)
        while not self._stop.wait(self._interval):
            try:
                commands = list(self._due(self._clock()))
            except Exception as error:  # if the thread ended, all upkeep would stop for good
                log.error("upkeep waits: what is due cannot be told: %r", error)
                continue
            for command in commands:
                try:
                    self._recorder.submit(command)
                except Exception as error:  # as above; the other commands do not wait for this one
                    log.warning("upkeep waits: %s", error)
