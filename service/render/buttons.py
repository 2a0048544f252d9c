"""The buttons under a message: which there are in the current state of an incident, and what a press on one carries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.domain.events import Event, EventKind
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.offers import is_offered
from service.domain.policy import Severity
from service.render.chat_texts import ChatTexts
from service.render.thread import Thread

ACTION_PREFIX = "mttx-"
"""How the ids of our buttons begin in a chat."""
ACTIONS: Mapping[str, EventKind] = {
    "acknowledge": EventKind.ACKNOWLEDGED,
    "mitigated": EventKind.MITIGATED,
    "resolve": EventKind.RESOLVED,
    "severity": EventKind.SEVERITY_CHANGED,
}
"""What a press on each button of a first report records."""
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
