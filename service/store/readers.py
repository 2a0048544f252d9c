"""A limit on concurrent readers: a store that hangs blocks only these and leaves threads and connections to others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.store.engine import StoreUnavailable

READERS = 8
"""Equals the connections kept open, and Python uses only one processor; more readers at once would only wait longer."""
SLOT_SECONDS = 5.0
"""How long a reader waits for a slot as long as others get their results."""
STALL_SECONDS = 2.0
"""After this long without any result the current readers count as stuck, and no further reader waits for a slot."""

COOL_DOWN_SECONDS = 0.5
"""How long others are refused after a reader waited long without a result: a scrape reads several times, and must be
answered before its scraper times out."""


class Readers:
    """Admits readers from any thread, `at_once` at a time."""

    def __init__(
        self, at_once: int = READERS, slot_seconds: float = SLOT_SECONDS, stall_seconds: float = STALL_SECONDS
    ) -> None:
        self._at_once = at_once
        self._slot_seconds = slot_seconds
        self._stall_seconds = stall_seconds
        self._inside = 0
        self._progress_at = 0.0  # when a reader last entered or left
        self._last_succeeded = (
            True  # whether the last to leave got a result; if not, entering and leaving prove nothing
        )
        self._cool_down_until = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot while the block runs. Raises `StoreUnavailable` if none becomes free."""
        self._enter()
        began, succeeded = time.monotonic(), False
        try:
            yield
            succeeded = True
        finally:
            self._leave(succeeded, time.monotonic() - began)

    def _enter(self) -> None:
        with self._changed:
            if time.monotonic() < self._cool_down_until:
                msg = "it did not answer another request just now"
                raise StoreUnavailable(msg)
            end = time.monotonic() + self._slot_seconds
            while self._inside >= self._at_once:
                left = min(end, self._progress_at + self._stall_seconds) - time.monotonic()
                if left <= 0:
                    msg = f"{self._at_once} requests are reading already, the maximum, and they are slow"
                    raise StoreUnavailable(msg)
                self._changed.wait(left)
            self._inside += 1
            self._note_progress()

    def _leave(self, succeeded: bool, took: float) -> None:
        with self._changed:
            self._inside -= 1
            self._last_succeeded = succeeded
            if not succeeded and took > self._stall_seconds:
                self._cool_down_until = time.monotonic() + COOL_DOWN_SECONDS
            self._note_progress()
            self._changed.notify()

    def _note_progress(self) -> None:
        if self._last_succeeded:
            self._progress_at = time.monotonic()
