"""`/mttx` in Slack: what each command does, and its answer, which only the person sees."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.chat.presses import SOURCE, Presses
from service.clients.slack import escape, link
from service.delivery.message_builder import MessageBuilder
from service.domain.events import Event, EventKind, KeyedEvent, ReceivedWebhook
from service.domain.incident_ids import PUBLIC_ID, page_url, public_id
from service.domain.policy import Severity
from service.intake.event_data import MAX_TEXT
from service.intake.reasons import Failure
from service.intake.slack import Command
from service.intake.wire import PayloadError
from service.recorder.commands import Conflict, RecordEvents, Refused
from service.render.message_facts import facts_of, title_line
from service.render.messages import PostmortemStage
from service.render.thread import MessageKind, Thread
from service.render.timeline import both
from service.store.incidents import IncidentFilter, IncidentRow, incident_page

MAX_LISTED = 30
MAX_AT_ONCE = 20
"""Incidents that one command lists, and acknowledges."""
LONGEST_TITLE = 500
_INCIDENT = re.compile(PUBLIC_ID, re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands. `builder` builds the first report of an incident, which is its status too."""

    presses: Presses
    builder: MessageBuilder

    def run(self, command: Command, now: datetime) -> str:
        """Return the answer to a command. Raises PayloadError, with what there is, for one that is not understood, and
        as `Presses.record`.
        """
        match command.verb:
            case "list":
                return self._list()
            case "status":
                return self._status(self._incident_id(command.rest))
            case "postmortem":
                return self._postmortem(self._incident_id(command.rest))
            case "ack":
                return self._acknowledge(command, now)
            case "note":
                return self._note(command, now)
            case "open":
                return self._open(command, now)
            case "" | "help":
                return self._help()
        raise self._misunderstood()

    def _help(self) -> str:
        return self.presses.texts["help"].format(severity=self.presses.policy.default_severity.value)

    def _misunderstood(self) -> PayloadError:
        return PayloadError(Failure.INVALID_PAYLOAD, self._help())

    def _incident_id(self, text: str) -> int:
        match = _INCIDENT.fullmatch(text)
        if match is None:
            raise self._misunderstood()
        return int(match[1])

    # -- what stands -------------------------------------------------------------------------------------------------

    def _list(self) -> str:
        page = self.presses.store.read(incident_page, IncidentFilter(open_only=True), limit=MAX_LISTED)
        lines = [self._line(row) for row in page.rows]
        if page.older is not None:
            lines.append(self.presses.texts["more"])
        return "\n".join(lines) or self.presses.texts["none"]

    def _line(self, row: IncidentRow) -> str:
        phase = self.presses.texts[f"phase.{row.phase}"]
        return f"• {self._link(row.id)} {row.severity.value} {phase} {escape(title_line(row.title))}"

    def _link(self, incident_id: int) -> str:
        url = page_url(self.builder.public_url, incident_id)
        return link(public_id(incident_id), url) if url else public_id(incident_id)

    def _status(self, incident_id: int) -> str:
        thread = self._thread(incident_id)
        return self.builder.message(thread, thread.key(1, MessageKind.FIRST)).text

    def _postmortem(self, incident_id: int) -> str:
        thread = self._thread(incident_id)
        facts = facts_of(thread, thread.key(1, MessageKind.FIRST), self.presses.policy, None)
        lines = [self._stage(stage) for stage in facts.owed] or [self.presses.texts["nothing due"]]
        document = [escape(facts.document)] if facts.document else []
        return "\n".join([f"{self._link(incident_id)} {escape(facts.title)}", *lines, *document])

    def _stage(self, stage: PostmortemStage) -> str:
        name = self.presses.texts[stage.stage.value]
        return self.presses.texts["done" if stage.done else "due"].format(
            stage=name, at=both(stage.due_at, self.presses.zone)
        )

    def _thread(self, incident_id: int) -> Thread:
        return Thread(self.presses.history(incident_id), incident_id, [])

    # -- what is recorded --------------------------------------------------------------------------------------------

    def _acknowledge(self, command: Command, now: datetime) -> str:
        incident_ids = [self._incident_id(word) for word in command.rest.split()[:MAX_AT_ONCE]]
        if not incident_ids:
            raise self._misunderstood()
        refused = []
        for incident_id in incident_ids:
            try:
                self.presses.record(incident_id, _event(command, EventKind.ACKNOWLEDGED, now), command.user)
            except Refused as error:
                incident_ids = [other for other in incident_ids if other != incident_id]
                refused.append(str(error))
        acknowledged = self.presses.texts["acknowledged"].format(incident=" ".join(map(self._link, incident_ids)))
        if refused:
            raise Conflict("\n".join([*([acknowledged] if incident_ids else []), *refused]))
        return acknowledged

    def _note(self, command: Command, now: datetime) -> str:
        word, _, text = command.rest.partition(" ")
        incident_id = self._incident_id(word)
        if not text.strip() or len(text) > MAX_TEXT:
            raise self._misunderstood()
        event = _event(command, EventKind.NOTE, now, data={"text": text.strip()})
        self.presses.record(incident_id, event, command.user)
        return self.presses.texts["noted"].format(incident=self._link(incident_id))

    def _open(self, command: Command, now: datetime) -> str:
        word, _, rest = command.rest.partition(" ")
        named = {severity.value: severity for severity in Severity}.get(word.upper())
        title = (rest if named else command.rest).strip()
        if not title or len(title) > LONGEST_TITLE:
            raise self._misunderstood()
        severity = named or self.presses.policy.default_severity
        event = _event(command, EventKind.DETECTED, now, title=title, severity=severity)
        body = json.dumps({"kind": event.kind, "title": title, "severity": severity}).encode()  # without the person
        keyed = KeyedEvent(event.event_id, event)  # so that a repeat finds the incident that the first one opened
        (outcome,) = self.presses.recorder.submit(RecordEvents((keyed,), ReceivedWebhook(SOURCE, body, now)))
        return self.presses.texts["opened"].format(incident=self._link(outcome.incident_id), severity=severity.value)


def _event(command: Command, kind: EventKind, now: datetime, **fields: Any) -> Event:
    """Return the event of a command, at the time of its receipt: Slack does not say when it was written."""
    return Event(event_id=command.command_id, kind=kind, occurred_at=now, recorded_at=now, source=SOURCE, **fields)
