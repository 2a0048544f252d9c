"""Periodic upkeep: closing stale incidents, taking samples, deleting old raw bodies, indexing titles.

It starts by recomputing, by today's rules, what an earlier version recorded.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from service.background import BackgroundLoop
from service.memory import give_back
from service.recorder.commands import Busy, Command, Refold
from service.recorder.writer import Recorder
from service.store import Store, StoreUnavailable
from service.store.refolding import count_outdated
from service.store.titles import next_block, write_block

REFOLD_AT_ONCE = 100
REFOLD_PAUSE_SECONDS = 2.0
LOG_EVERY = 1000
log = logging.getLogger(__name__)


def refold(recorder: Recorder, store: Store, clock: Callable[[], datetime], stopping: threading.Event) -> None:
    """Recompute what an earlier version recorded, a few incidents at a time; the next start continues with the rest.

    The log shows the progress and finally how many incidents changed.
    """
    total = left = store.read(count_outdated)
    if not total:
        return
    log.info("recomputing %d incidents of an earlier version", total)
    changed = logged = 0
    while left and not stopping.is_set():
        try:
            changed += len(recorder.submit(Refold(REFOLD_AT_ONCE, clock())))
            left = store.read(count_outdated)
        except (Busy, StoreUnavailable) as error:
            log.warning("recomputing is delayed: %s", error)
            stopping.wait(REFOLD_PAUSE_SECONDS)
        if total - left - logged >= LOG_EVERY:
            logged = total - left
            log.info("recomputed %d of %d incidents", logged, total)
    log.info("recomputed %d of %d incidents; %d changed", total - left, total, changed)


def index_titles(store: Store) -> bool:
    """Index the titles of some thousand incidents; return False if there are not as many to index."""
    index = store.read(next_block)
    if index is not None:
        store.write(write_block, index)
    return index is not None


class Upkeep:
    """Submits the commands that `due` names, every `interval` seconds until stopped. A failed one waits its turn.

    Titles are indexed in between, and free memory is given back.
    """

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
        self._loop = BackgroundLoop("upkeep", self._step, pause=interval)
        self._is_refolded = False

    def start(self) -> None:
        """Start the thread."""
        self._loop.start()

    def stop(self) -> None:
        """Stop after the command in progress."""
        self._loop.stop()

    def _step(self) -> None:
        if not self._is_refolded:
            self._is_refolded = True  # if it fails, the next start of the service continues with the rest
            refold(self._recorder, self._store, self._clock, self._loop.stopping)
            return
        for command in self._due(self._clock()):
            try:
                self._recorder.submit(command)
            except Exception as error:  # the other commands do not wait for this one
                log.warning("upkeep is delayed: %s", error)
        try:
            index_titles(self._store)
        except StoreUnavailable as error:
            log.warning("indexing titles is delayed: %s", error)
        give_back()
