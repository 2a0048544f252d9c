"""The forms of an incident's page: when each is offered, and how it becomes an event."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.events import Event, EventKind, Role
from service.domain.history import withdrawn
from service.domain.incident import Incident
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.offers import is_offered
from service.domain.policy import Domain, IncidentType, Milestone, Policy, Severity
from service.domain.warnings import OrderWarning, order_warnings
from service.intake import lifecycle
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from service.web.pages import times
from service.web.pages.queries import INCIDENT_NUMBER

SOURCE = "page"
LONGEST_TEXT = 5_000
LONGEST_NAME = 200
MAX_CHOICES = 200
"""Events that the form of a retraction offers."""
DIMENSION, WAS = "dimension.", "was."
"""Prefixes of the fields of dimensions: the value, and the one that was shown."""
CORRECTABLE = (
    Milestone.STARTED,
    Milestone.DETECTED,
    Milestone.ACKNOWLEDGED,
    Milestone.MITIGATED,
    Milestone.RESOLVED,
)
FormFields = Mapping[str, str]


class InvalidInput(Exception):
    """Invalid form input: the key of a message for each field; `detail` if there is no message for the fault."""

    def __init__(self, problems: Mapping[str, str], detail: str = "") -> None:
        super().__init__(detail or ", ".join(problems))
        self.problems = problems
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form. `confirm`: it closes or reopens an incident and is confirmed on a separate page.

    `ignores_changes`: concurrent changes by others do not matter.
    """

    action: str
    kind: EventKind
    fields: tuple[str, ...] = ("at",)
    confirm: bool = False
    ignores_changes: bool = False

    def offered(self, incident: Incident) -> bool:
        """Return whether it applies to an incident in its current state."""
        return is_offered(self.kind, incident)


FORMS = {
    form.action: form
    for form in (
        Form(action="acknowledge", kind=EventKind.ACKNOWLEDGED),
        Form(action="mitigated", kind=EventKind.MITIGATED),
        Form(action="resolve", kind=EventKind.RESOLVED, fields=("reason", "at"), confirm=True),
        Form(action="dismiss", kind=EventKind.DISMISSED, fields=("reason", "at"), confirm=True),
        Form(action="reopen", kind=EventKind.REOPENED, confirm=True),
        Form(action="reviewed", kind=EventKind.REVIEWED, fields=()),
        Form(action="severity", kind=EventKind.SEVERITY_CHANGED, fields=("severity",)),
        Form(action="describe", kind=EventKind.DESCRIBED, fields=("dimensions", "type", "domain")),
        Form(action="assign", kind=EventKind.ROLE_ASSIGNED, fields=("role", "name")),
        Form(action="merge", kind=EventKind.MERGED, fields=("into",), confirm=True),
        Form(action="retract", kind=EventKind.RETRACTED, fields=("event_id",), confirm=True),
        Form(action="note", kind=EventKind.NOTE, fields=("text", "important", "at"), ignores_changes=True),
        Form(action="correct", kind=EventKind.CORRECTED, fields=("milestone", "at")),
    )
}


def state_shown(history: IncidentHistory) -> str:
    """Return the state of an incident that a page shows, which its forms carry."""
    return f"{len(history.events)}.{history.incident.phase}.{history.incident.severity}"


def events_since(history: IncidentHistory, then: str) -> tuple[Event, ...] | None:
    """Return the events recorded since a page was rendered, without notes; None if nothing relevant changed."""
    number, _, state = then.partition(".")
    later_events = history.events[int(number) :] if number.isascii() and number.isdigit() else history.events
    changes_since = tuple(event for event in later_events if event.kind is not EventKind.NOTE)
    changed = state != f"{history.incident.phase}.{history.incident.severity}"
    return changes_since if changes_since or changed else None


def retractable(history: IncidentHistory) -> list[Event]:
    """Return the events that can be retracted, the latest recorded first: all that count but merges."""
    retracted = withdrawn([event for event in history.events if event.kind is EventKind.RETRACTED])
    events = [e for e in history.events if e.kind is not EventKind.MERGED and e.event_id not in retracted]
    return sorted(events, key=lambda event: event.recorded_at, reverse=True)[:MAX_CHOICES]


def new_warnings(history: IncidentHistory, event: Event, policy: Policy) -> list[OrderWarning]:
    """Return the warnings about the order of milestones that an event would bring."""
    after = replace(history, recorded=[*history.recorded, (history.id, event)])
    present = order_warnings(history.incident, policy)
    return [warning for warning in order_warnings(after.incident, policy) if warning not in present]


def event_of(form: Form, number: int, fields: FormFields, options: lifecycle.EventParseOptions, now: datetime) -> Event:
    """Return the event of a submitted form. Raises InvalidInput.

    Its id derives from the state shown and the input: the same form sent twice, by a double click, through another
    replica or by two people at once, is one event.
    """
    problems: dict[str, str] = {}
    body = _body(form, fields, options.zone, problems)
    if problems:
        raise InvalidInput(problems)
    about = json.dumps([number, form.action, sorted(fields.items())])
    body["event_id"] = f"page-{sha256(about.encode()).hexdigest()[:32]}"
    try:
        event = lifecycle.parse_event(json.dumps(body).encode(), options, now)
    except PayloadError as error:
        if error.reason is Failure.FUTURE:
            raise InvalidInput({"at": "error.future"}) from None
        raise InvalidInput({}, error.detail) from None
    return replace(event, source=SOURCE)


def _body(form: Form, fields: FormFields, zone: ZoneInfo, problems: dict[str, str]) -> dict[str, Any]:
    read = {name: _READ[name](fields, problems) for name in form.fields if name in _READ}
    at = _at(fields, zone, problems) if "at" in form.fields else None
    body: dict[str, Any] = {"kind": form.kind}
    match form.kind:
        case EventKind.SEVERITY_CHANGED:
            return body | read
        case EventKind.DESCRIBED:
            return body | _description(fields, problems)
        case EventKind.CORRECTED:
            return _correction(read["milestone"], at, problems)
    data = {name: value for name, value in read.items() if value not in ("", False)}
    return body | {"data": data} | ({"occurred_at": at} if at else {})


def _description(fields: FormFields, problems: dict[str, str]) -> dict[str, Any]:
    """Return what the form changes: the dimensions that differ from those shown, a type and a domain to add."""
    shown = {name.removeprefix(WAS): text for name, text in fields.items() if name.startswith(WAS)}
    labels = {name: _text_field(fields, f"{DIMENSION}{name}", LONGEST_NAME, problems, required=False) for name in shown}
    changed = {name: text for name, text in labels.items() if text != shown[name]}
    types = [_one_of(fields, "type", list(IncidentType), problems)] if fields.get("type") else []
    domains = [_one_of(fields, "domain", list(Domain), problems)] if fields.get("domain") else []
    if not (changed or types or domains):
        problems.setdefault("dimensions", "error.unchanged")
    return {"labels": changed, "types": types, "domains": domains}


def _correction(milestone: str, at: str | None, problems: dict[str, str]) -> dict[str, Any]:
    """Return the correction of a milestone; a start that was never reported is reported instead."""
    if at is None:
        problems.setdefault("at", "error.time_needed")
    if milestone == "unknown_start":
        return {"kind": EventKind.STARTED, "occurred_at": at}
    return {"kind": EventKind.CORRECTED, "data": {"milestone": milestone, "occurred_at": at}}


def _at(fields: FormFields, zone: ZoneInfo, problems: dict[str, str]) -> str | None:
    text = fields.get("at", "").strip()
    if not text:
        return None
    second = {"first": False, "second": True}.get(fields.get("which", ""))
    try:
        return times.read(text, zone, second=second).isoformat()
    except times.UnclearTime as error:
        problems["at"] = error.problem
        return None


def _severity(fields: FormFields, problems: dict[str, str]) -> str:
    return _one_of(fields, "severity", [severity.value for severity in Severity], problems)


def _role(fields: FormFields, problems: dict[str, str]) -> str:
    return _one_of(fields, "role", [role.value for role in Role], problems)


def _milestone(fields: FormFields, problems: dict[str, str]) -> str:
    return _one_of(fields, "milestone", [*(milestone.value for milestone in CORRECTABLE), "unknown_start"], problems)


def _one_of(fields: FormFields, name: str, choices: Sequence[str], problems: dict[str, str]) -> str:
    chosen = fields.get(name, "")
    if chosen not in choices:
        problems[name] = "error.choose"
    return chosen


def _text(fields: FormFields, problems: dict[str, str]) -> str:
    return _text_field(fields, "text", LONGEST_TEXT, problems)


def _name(fields: FormFields, problems: dict[str, str]) -> str:
    return _text_field(fields, "name", LONGEST_NAME, problems)


def _into(fields: FormFields, problems: dict[str, str]) -> str:
    match = INCIDENT_NUMBER.fullmatch(fields.get("into", "").strip())
    if match is None:
        problems["into"] = "error.incident"
        return ""
    return public_id(int(match[1]))


def _event_id(fields: FormFields, problems: dict[str, str]) -> str:
    if not fields.get("event_id"):
        problems["event_id"] = "error.choose"
    return fields.get("event_id", "")


def _reason(fields: FormFields, problems: dict[str, str]) -> str:
    return _text_field(fields, "reason", LONGEST_TEXT, problems, required=False)


def _text_field(fields: FormFields, name: str, longest: int, problems: dict[str, str], *, required: bool = True) -> str:
    text = fields.get(name, "").replace("\r\n", "\n").strip()
    if not text and required:
        problems[name] = "error.empty"
    elif len(text) > longest:
        problems[name] = "error.too_long"
    elif "\0" in text:
        problems[name] = "error.nul"
    return text


def _important(fields: FormFields, _problems: dict[str, str]) -> bool:
    return fields.get("important") == "yes"


_READ: Mapping[str, Callable[[FormFields, dict[str, str]], Any]] = {
    "severity": _severity,
    "role": _role,
    "name": _name,
    "text": _text,
    "reason": _reason,
    "important": _important,
    "milestone": _milestone,
    "into": _into,
    "event_id": _event_id,
}
