"""Work that is repeated in a thread of its own until the service stops."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class BackgroundLoop:
    """Calls `step` again and again: at once if it returns True, else after `pause` seconds.

    An error of a step is logged, and the next step follows after the pause. `delayed`: the first pause comes first.
    """

    def __init__(self, name: str, step: Callable[[], bool | None], *, pause: float, delayed: bool = False) -> None:
        self._step = step
        self._pause = pause
        self._delayed = delayed
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.stopping = threading.Event()
        self._woken = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Stop after the step under way; return whether it ended within `timeout` seconds."""
        self.stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def wake(self) -> None:
        """End the pause, or skip the next one."""
        self._woken.set()

    def _run(self) -> None:
        if self._delayed:
            self._rest()
        while not self.stopping.is_set():
            more = False
            try:
                more = bool(self._step())
            except Exception:
                log.exception("%s: unexpected error, retrying in %g s", self._thread.name, self._pause)
            if not more:
                self._rest()

    def _rest(self) -> None:
        self._woken.wait(self._pause)
        self._woken.clear()
