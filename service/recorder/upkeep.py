"""What has to happen although nobody asks: stale incidents are closed, raw bodies past their time forgotten."""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from service.recorder.commands import Command
from service.recorder.writer import Recorder

log = logging.getLogger(__name__)


class Upkeep:
    """Submits the commands that `due` names, every `interval` seconds until it is stopped. A failure waits its turn."""

    def __init__(
        self,
        recorder: Recorder,
        due: Callable[[datetime], Iterable[Command]],
        clock: Callable[[], datetime],
        interval: float,
    ) -> None:
        self._recorder = recorder
        self._due = due
        self._clock = clock
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, after what is under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            for command in self._due(self._clock()):
                try:
                    self._recorder.submit(command)
                except Exception as error:  # a thread that ends in silence would stop all upkeep for good
                    log.warning("upkeep waits: %s", error)
