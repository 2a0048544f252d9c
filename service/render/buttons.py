"""The buttons under a message: which there are in the current state of an incident, and what a press on one carries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.events import Event, EventKind
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.offers import is_offered
from service.domain.policy import Severity
from service.render.chat_texts import ChatTexts
from service.render.item_keys import ItemKey, micros_of
from service.render.thread import Thread

ACTION_PREFIX = "mttx-"
"""How the ids of our buttons begin in a chat."""
ACTIONS: Mapping[str, EventKind] = {
    "acknowledge": EventKind.ACKNOWLEDGED,
    "mitigated": EventKind.MITIGATED,
    "resolve": EventKind.RESOLVED,
    "severity": EventKind.SEVERITY_CHANGED,
    "reviewed": EventKind.REVIEWED,
}
"""What a press on each button records; one on `SNOOZE` has its reminder sent again later."""
SNOOZE = "snooze"
SNOOZES = (timedelta(hours=1), timedelta(days=1))
_CHANGES = frozenset(
    {*ACTIONS.values(), EventKind.REOPENED, EventKind.DISMISSED, EventKind.CORRECTED, EventKind.RETRACTED}
)


@dataclass(frozen=True, slots=True)
class Button:
    """A button, or with `options` (labels and values) a menu. `value` says what it is about.

    `confirm`: a question, and the labels of yes and no, asked before it counts.
    """

    action: str
    label: str
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    confirm: tuple[str, str, str] | None = None


def report_buttons(thread: Thread, texts: ChatTexts) -> tuple[Button, ...]:
    """Return the buttons of a first report: what people may report while the incident is open."""
    incident = thread.history.incident
    if incident.id != thread.incident_id or not incident.is_open:
        return ()
    value = f"{public_id(incident.id)} {changes(thread.history)}"
    severities = tuple((s.value, f"{value} {s.value}") for s in Severity if s is not incident.severity)
    question = texts["confirm.resolve"].format(incident=public_id(incident.id))
    every = {
        "acknowledge": Button("acknowledge", texts["acknowledge"], value),
        "mitigated": Button("mitigated", texts["mitigated"], value),
        "resolve": Button(
            "resolve", texts["resolve"], value, confirm=(question, texts["confirm.yes"], texts["confirm.no"])
        ),
        "severity": Button("severity", texts["severity"], options=severities),
    }
    return tuple(button for action, button in every.items() if is_offered(ACTIONS[action], incident))


def reminder_buttons(key: ItemKey, texts: ChatTexts) -> tuple[Button, ...]:
    """Return the buttons of the reminder `key`: for how long to snooze it."""
    due_ms = micros_of(key.due_at) // 1000 if key.due_at else 0
    value = f"{public_id(key.incident_id)} {{}} {key.subject} {due_ms} {key.number} {key.action_id}"
    seconds = [int(snooze.total_seconds()) for snooze in SNOOZES]
    return tuple(Button(SNOOZE, texts[f"{SNOOZE}.{length}"], value.format(length)) for length in seconds)


def review_buttons(incidents: Iterable[str], meeting_at: datetime, texts: ChatTexts) -> tuple[Button, ...]:
    """Return a button for each incident that a weekly review is to discuss."""
    label, meeting = texts["review"], f"{meeting_at:%Y-%m-%d}"
    return tuple(Button("reviewed", label.format(incident=name), f"{name} {meeting}") for name in incidents)


def changes(history: IncidentHistory) -> int:
    """Return how often people have changed the state of an incident.

    It is part of what a button carries: a press that comes twice, or from two people who see the same message, is one
    event; after a change the same button means something else.
    """
    return sum(map(_is_change, history.events))


def _is_change(event: Event) -> bool:
    return event.kind in _CHANGES


def names_of(buttons: Iterable[Button]) -> str:
    """Return a text that differs if people would see other buttons, or a press would mean something else."""
    return "".join(repr(button) for button in buttons)
