"""How many may read at a time: a store that hangs holds up these, and leaves threads and connections to all others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.store.engine import StoreUnavailable

READERS = 8
"""As many connections are kept open, and one processor is all that Python uses; more at once would only wait longer."""
ROOM_SECONDS = 5.0
"""How long a reader waits to be let in, as long as others get their answers."""
STALL_SECONDS = 2.0
"""After which those inside count as stuck: where nobody got an answer for so long, nobody waits to be let in."""


class Readers:
    """Lets readers in from any thread, `at_once` at a time."""

    def __init__(
        self, at_once: int = READERS, room_seconds: float = ROOM_SECONDS, stall_seconds: float = STALL_SECONDS
    ) -> None:
        self._at_once = at_once
        self._room_seconds = room_seconds
        self._stall_seconds = stall_seconds
        self._inside = 0
        self._moved = 0.0  # when somebody came or went
        self._well = True  # whether the last who went had been answered; else coming and going says nothing
        self._changed = threading.Condition()

    @contextmanager
    def room(self) -> Iterator[None]:
        """Read while the block runs. Raises `StoreUnavailable` where nobody makes room."""
        self._enter()
        well = False
        try:
            yield
            well = True
        finally:
            self._leave(well)

    def _enter(self) -> None:
        with self._changed:
            end = time.monotonic() + self._room_seconds
            while self._inside >= self._at_once:
                left = min(end, self._moved + self._stall_seconds) - time.monotonic()
                if left <= 0:
                    msg = f"{self._at_once} read already, as many as may, and they take long"
                    raise StoreUnavailable(msg)
                self._changed.wait(left)
            self._inside += 1
            self._move()

    def _leave(self, well: bool) -> None:
        with self._changed:
            self._inside -= 1
            self._well = well
            self._move()
            self._changed.notify()

    def _move(self) -> None:
        if self._well:
            self._moved = time.monotonic()
