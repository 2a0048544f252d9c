"""From a press or a command to an event, through the same recorder as every other report.

A press counts once: its id derives from what the button carries, so that a second delivery, another replica and two
people at once give the same event. Names of people go to the incident's roles at most, and only if that is configured.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.events import Event, EventKind, Role
from service.domain.incident import Phase
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.offers import is_offered
from service.domain.policy import Policy, Severity
from service.domain.reminders import Level
from service.intake.slack import Press
from service.intake.wire import invalid
from service.recorder.commands import AppendEvent, Conflict, Refused, UnknownIncident
from service.recorder.writer import Recorder
from service.render.buttons import ACTIONS
from service.render.chat_texts import ChatTexts
from service.render.item_keys import EPOCH, ItemKey, OutboxKind
from service.store import Store
from service.store.histories import history_of
from service.store.outbox_rows import PlannedRow

SOURCE = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses:
    """Records what people report. `names_commander`: who acknowledges an incident that has no commander becomes it."""

    recorder: Recorder
    store: Store
    policy: Policy
    texts: ChatTexts
    zone: ZoneInfo
    names_commander: bool = False

    def record(self, incident_id: int, event: Event, user: str) -> None:
        """Record the event that `user` reports of an incident, unless it is recorded already.

        Raises `Refused` with a text for the person if the incident does not allow it, and as `Recorder.submit`.
        """
        history = self.history(incident_id)
        if any(recorded.event_id == event.event_id for recorded in history.events):
            return
        if not is_offered(event.kind, history.incident):
            raise Conflict(self._state(incident_id, history.incident.phase))
        try:
            self.recorder.submit(AppendEvent(incident_id, event))
        except Refused as error:
            raise Conflict(self.texts["refused"].format(detail=error)) from error
        if self.names_commander and event.kind is EventKind.ACKNOWLEDGED:
            self._assign(incident_id, event, history, user)

    def snooze(self, press: Press, now: datetime) -> datetime:
        """Have a reminder sent again later, if it still applies then, and return when. Whoever presses first decides.

        Raises PayloadError, and as `history`.
        """
        length, key = snooze_of(press)
        self.history(press.incident_id)
        self.store.outbox.plan(SOURCE, [PlannedRow(key, at=now + length)], now)
        return now + length

    def history(self, incident_id: int) -> IncidentHistory:
        """Return the history of an incident. Raises `UnknownIncident` with a text for the person."""
        history = self.store.read(history_of, incident_id, self.policy)
        if history is None:
            raise UnknownIncident(self.texts["unknown"].format(incident=public_id(incident_id)))
        return history

    def _state(self, incident_id: int, phase: Phase) -> str:
        return self.texts["state"].format(incident=public_id(incident_id), phase=self.texts[f"phase.{phase}"])

    def _assign(self, incident_id: int, acknowledged: Event, history: IncidentHistory, user: str) -> None:
        if Role.COMMANDER in history.incident.roles:
            return
        data = {"role": Role.COMMANDER.value, "name": user}
        event_id = f"{acknowledged.event_id}:commander"
        assigned = replace(acknowledged, event_id=event_id, kind=EventKind.ROLE_ASSIGNED, data=data)
        self.recorder.submit(AppendEvent(incident_id, assigned))


def event_of(press: Press, now: datetime) -> Event:
    """Return the event of a press, at the time of the press. Raises PayloadError."""
    kind = ACTIONS.get(press.action)
    if kind is None:
        raise invalid("is no button of this version", "actions", 0, "action_id")
    return Event(
        event_id=press.press_id,
        kind=kind,
        occurred_at=press.at,
        recorded_at=now,
        source=SOURCE,
        severity=_severity(press) if kind is EventKind.SEVERITY_CHANGED else None,
        untimed=kind is EventKind.RESOLVED,
    )


def snooze_of(press: Press) -> tuple[timedelta, ItemKey]:
    """Return for how long a press snoozes a reminder, and the key of the reminder afterwards. Raises PayloadError."""
    try:
        seconds, level, due_ms, number, action_id = press.rest.split(" ", 4)
        key = ItemKey(
            OutboxKind.REMINDER,
            press.incident_id,
            number=int(number) + 1,
            subject=Level(level).value,
            action_id=action_id,
            due_at=EPOCH + timedelta(milliseconds=int(due_ms)),
        )
        return timedelta(seconds=int(seconds)), key
    except (ValueError, OverflowError):
        raise invalid("names no reminder", "actions", 0, "value") from None


def _severity(press: Press) -> Severity:
    try:
        return Severity(press.rest.rpartition(" ")[2])
    except ValueError:
        raise invalid("names no severity", "actions", 0, "selected_option", "value") from None
