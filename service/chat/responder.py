"""The answer to what Slack sends: within its three seconds, and that something is recorded only after the commit."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.chat.commands import Commands
from service.chat.presses import Presses, event_of, snooze_of
from service.clients.errors import RequestFailed
from service.clients.slack_blocks import with_answer
from service.domain.events import Event, EventKind
from service.domain.incident_ids import public_id
from service.intake.reasons import Failure
from service.intake.slack import Press, read_command, read_press
from service.intake.wire import PayloadError
from service.recorder.commands import Busy, Refused, UnknownIncident
from service.render.buttons import SNOOZE
from service.render.timeline import both
from service.store import StoreUnavailable

Body = Mapping[str, Any]
"""What is sent to Slack, {} if nothing is."""

ANSWER_SECONDS = 2.0
"""How long an answer waits for the commit; Slack gives up after three seconds. What comes later, comes as a message."""
_THREADS = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Answers payloads of one workspace (`team`; "": of any).

    `respond` sends a body to a payload's response_url, `count_failure` counts what was not accepted by reason, and
    `on_recorded` is called after each commit. `answer` may be called from any thread.
    """

    presses: Presses
    commands: Commands
    respond: Callable[[str, Body], None]
    count_failure: Callable[[str], None]
    on_recorded: Callable[[], None]
    team: str = ""
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="slack"), init=False
    )

    def answer(self, payload: Mapping[str, Any], now: datetime) -> Body:
        """Return the answer to a payload. Raises PayloadError, which the caller counts, if it cannot be accepted."""
        is_command = "command" in payload
        return self._answer_command(payload, now) if is_command else self._answer_press(payload, now)

    def _answer_press(self, payload: Mapping[str, Any], now: datetime) -> Body:
        """Return nothing: what was recorded shows in the message, what was not is sent to the person."""
        press = read_press(payload, now)
        self._check_team(press.team)
        act = self._snooze(press, now) if press.action == SNOOZE else self._record(press, event_of(press, now))
        body = self._done(act, press.response_url)
        if body:
            self._pool.submit(self._send, press.response_url, body)
        return {}

    def _record(self, press: Press, event: Event) -> Callable[[], Body]:
        def record() -> Body:
            self.presses.record(press.incident_id, event, press.user)
            is_shown = event.kind is not EventKind.REVIEWED  # the first report is kept up to date, the list is not
            return {} if is_shown else self._answered(press, "reviewed")

        return record

    def _snooze(self, press: Press, now: datetime) -> Callable[[], Body]:
        snooze_of(press)
        return lambda: self._answered(press, "snoozed", both(self.presses.snooze(press, now), self.presses.zone))

    def _answered(self, press: Press, text: str, at: str = "") -> Body:
        """Return the message of a press, with a line in place of its button."""
        line = self.presses.texts[text].format(incident=public_id(press.incident_id), at=at)
        blocks = with_answer(press.message.blocks, press.value, line)
        return {"replace_original": True, "text": f"{press.message.text}\n{line}", "blocks": blocks}

    def _answer_command(self, payload: Mapping[str, Any], now: datetime) -> Body:
        command = read_command(payload)
        self._check_team(command.team)
        return self._done(lambda: _to_person(self.commands.run(command, now)), command.response_url)

    def _check_team(self, team: str) -> None:
        if self.team and team != self.team:
            raise PayloadError(Failure.FORBIDDEN, "The payload is of another workspace than `slack.team_id`.")

    def _done(self, act: Callable[[], Body], response_url: str) -> Body:
        """Do it and return what Slack is to be sent, {} if there is nothing or it is sent later to `response_url`."""
        doing = self._pool.submit(self._body_of, act)
        try:
            return doing.result(ANSWER_SECONDS)
        except Late:
            doing.add_done_callback(lambda late: self._send(response_url, late.result()))
            return {}

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown()

    def _body_of(self, act: Callable[[], Body]) -> Body:
        """Do something, and return what Slack is to be sent."""
        try:
            body = act()
        except PayloadError as error:
            return self._refusal(error.reason, error.detail)
        except UnknownIncident as error:
            return self._refusal(Failure.UNKNOWN_INCIDENT, str(error))
        except Refused as error:
            return self._refusal(Failure.CONFLICT, str(error))
        except Busy:
            return self._refusal(Failure.BUSY, self.presses.texts["again"])
        except StoreUnavailable:
            return self._refusal(Failure.STORE, self.presses.texts["again"])
        self.on_recorded()
        return body

    def _refusal(self, reason: Failure, text: str) -> Body:
        self.count_failure(reason.value)
        return _to_person(text)

    def _send(self, response_url: str, body: Body) -> None:
        if not body or not response_url:
            return
        try:
            self.respond(response_url, body)
        except RequestFailed as error:
            log.warning("slack: an answer to a person was not sent: %s", error)


def _to_person(text: str) -> Body:
    """Return a message that only the person sees."""
    return {"response_type": "ephemeral", "replace_original": False, "text": text}
