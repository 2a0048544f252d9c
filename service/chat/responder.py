"""The answer to what Slack sends: within its three seconds, and that something is recorded only after the commit."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.chat.presses import Presses, event_of
from service.clients.errors import RequestFailed
from service.domain.events import Event
from service.intake.reasons import Failure
from service.intake.slack import Press, read_press
from service.intake.wire import PayloadError
from service.recorder.commands import Busy, Refused, UnknownIncident
from service.store import StoreUnavailable

ANSWER_SECONDS = 2.0
"""How long an answer waits for the commit; Slack gives up after three seconds. What comes later, comes as a message."""
_THREADS = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Answers payloads of one workspace (`team`; "": of any).

    `respond` sends a text to the person by the payload's response_url, `count_failure` counts what was not accepted by
    reason, and `on_recorded` is called after each commit. `answer` may be called from any thread.
    """

    presses: Presses
    respond: Callable[[str, str], None]
    count_failure: Callable[[str], None]
    on_recorded: Callable[[], None]
    team: str = ""
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="slack"), init=False
    )

    def answer(self, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return the answer to a payload. Raises PayloadError, which the caller counts, if it cannot be accepted."""
        press = read_press(payload, now)
        if self.team and press.team != self.team:
            raise PayloadError(Failure.FORBIDDEN, "The payload is of another workspace than `slack.team_id`.")
        recording = self._pool.submit(self._record, press, event_of(press, now))
        try:
            text = recording.result(ANSWER_SECONDS)
        except Late:
            recording.add_done_callback(lambda late: self._say(press, late.result()))
            return {}
        self._say_soon(press, text)
        return {}

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown()

    def _record(self, press: Press, event: Event) -> str:
        """Record a press, and return what to tell the person: "" if the message itself will show it."""
        texts = self.presses.texts
        try:
            self.presses.record(press, event)
        except Refused as error:
            unknown = isinstance(error, UnknownIncident)
            self.count_failure((Failure.UNKNOWN_INCIDENT if unknown else Failure.CONFLICT).value)
            return str(error)
        except (Busy, StoreUnavailable) as error:
            self.count_failure((Failure.BUSY if isinstance(error, Busy) else Failure.STORE).value)
            return texts["again"]
        self.on_recorded()
        return ""

    def _say_soon(self, press: Press, text: str) -> None:
        if text:
            self._pool.submit(self._say, press, text)

    def _say(self, press: Press, text: str) -> None:
        if not text or not press.response_url:
            return
        try:
            self.respond(press.response_url, text)
        except RequestFailed as error:
            log.warning("slack: an answer to a person was not sent: %s", error)
