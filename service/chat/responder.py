"""The answer to what Slack sends: within its three seconds, and that something is recorded only after the commit."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.chat.commands import Commands
from service.chat.presses import Presses, event_of
from service.clients.errors import RequestFailed
from service.intake.reasons import Failure
from service.intake.slack import read_command, read_press
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
    commands: Commands
    respond: Callable[[str, str], None]
    count_failure: Callable[[str], None]
    on_recorded: Callable[[], None]
    team: str = ""
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="slack"), init=False
    )

    def answer(self, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return the answer to a payload. Raises PayloadError, which the caller counts, if it cannot be accepted."""
        is_command = "command" in payload
        return self._answer_command(payload, now) if is_command else self._answer_press(payload, now)

    def _answer_press(self, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return nothing: what was recorded shows in the message, what was not is sent to the person."""
        press = read_press(payload, now)
        self._check_team(press.team)
        event = event_of(press, now)

        def record() -> str:
            self.presses.record(press.incident_id, event, press.user)
            return ""

        text = self._done(record, press.response_url)
        if text:
            self._pool.submit(self._say, press.response_url, text)
        return {}

    def _answer_command(self, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        command = read_command(payload)
        self._check_team(command.team)
        text = self._done(lambda: self.commands.run(command, now), command.response_url)
        return {"response_type": "ephemeral", "text": text} if text else {}

    def _check_team(self, team: str) -> None:
        if self.team and team != self.team:
            raise PayloadError(Failure.FORBIDDEN, "The payload is of another workspace than `slack.team_id`.")

    def _done(self, act: Callable[[], str], response_url: str) -> str:
        """Do it and return the text for the person, "" if there is none or it comes later by the `response_url`."""
        doing = self._pool.submit(self._text_of, act)
        try:
            return doing.result(ANSWER_SECONDS)
        except Late:
            doing.add_done_callback(lambda late: self._say(response_url, late.result()))
            return ""

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown()

    def _text_of(self, act: Callable[[], str]) -> str:
        """Do something, and return what to tell the person."""
        try:
            text = act()
        except PayloadError as error:
            self.count_failure(error.reason.value)
            return error.detail
        except Refused as error:
            unknown = isinstance(error, UnknownIncident)
            self.count_failure((Failure.UNKNOWN_INCIDENT if unknown else Failure.CONFLICT).value)
            return str(error)
        except (Busy, StoreUnavailable) as error:
            self.count_failure((Failure.BUSY if isinstance(error, Busy) else Failure.STORE).value)
            return self.presses.texts["again"]
        self.on_recorded()
        return text

    def _say(self, response_url: str, text: str) -> None:
        if not text or not response_url:
            return
        try:
            self.respond(response_url, text)
        except RequestFailed as error:
            log.warning("slack: an answer to a person was not sent: %s", error)
