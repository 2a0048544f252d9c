"""Deadlines of requests on the event loop, with one timer for all of them."""

import asyncio
from collections.abc import Callable
from itertools import count

SWEEP_SECONDS = 0.1
"""How late a deadline may be noticed."""


class Deadlines:
    """Calls what has not been cleared in time. A timer for each request would cost as much as reading a small body.

    Call from the event loop only, except `hurry`.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._numbers = count()
        self._set: dict[int, tuple[float, Callable[[], object]]] = {}
        self._is_sweeping = False

    def set(self, seconds: float, expire: Callable[[], object]) -> int:
        """Have `expire` called after so many seconds, unless the deadline is cleared by then; returns its number."""
        if not self._is_sweeping:
            self._loop = asyncio.get_running_loop()
            self._is_sweeping = True
            self._loop.call_later(SWEEP_SECONDS, self._sweep)
        number = next(self._numbers)
        self._set[number] = self._loop.time() + seconds, expire
        return number

    def clear(self, number: int) -> bool:
        """Remove a deadline; returns whether it had not expired."""
        return self._set.pop(number, None) is not None

    def hurry(self, seconds: float) -> None:
        """Have all deadlines end after so many seconds at the latest; callable from any thread."""
        if self._is_sweeping:
            self._loop.call_soon_threadsafe(self._shorten, seconds)

    def _shorten(self, seconds: float) -> None:
        at = self._loop.time() + seconds
        self._set = {number: (min(end, at), expire) for number, (end, expire) in self._set.items()}

    def _sweep(self) -> None:
        now = self._loop.time()
        for number in [number for number, (end, _) in self._set.items() if end <= now]:
            self._set.pop(number)[1]()
        self._is_sweeping = bool(self._set)
        if self._is_sweeping:
            self._loop.call_later(SWEEP_SECONDS, self._sweep)
