"""The text of an annotation: the subset of HTML that Grafana's tooltips show, with all text from outside escaped.

People's names are replaced by their roles: everybody sees annotations, for years.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from service.domain.breakdown import NO_VALUE
from service.domain.events import Event, EventKind
from service.domain.incident import Incident
from service.domain.incident_ids import page_url, public_id
from service.domain.policy import Milestone
from service.render.lines import LONGEST_NOTE, LONGEST_TITLE, one_line, shortened

LONGEST_LINK = 1000
_MAX_FLAGS = 5
_HEADINGS = {
    EventKind.ACKNOWLEDGED: "Acknowledged",
    EventKind.MITIGATED: "Mitigated",
    EventKind.SEVERITY_CHANGED: "Severity changed",
    EventKind.NOTE: "Note",
    EventKind.POSTMORTEM_FINALIZED: "Postmortem final",
}
OF_DOCUMENTS = (EventKind.POSTMORTEM_DRAFTED, EventKind.POSTMORTEM_FINALIZED)

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """The display time zone, the public URL of this service, None if it is not configured, and the dimensions."""

    zone: ZoneInfo
    public_url: str | None = None
    dimensions: Sequence[str] = ()


def names_of(events: Iterable[Event], incident: Incident) -> dict[str, str]:
    """Map the names of all participants to their roles, the longest name first."""
    names = {action.owner: "owner" for action in incident.actions}
    for event in events:
        if event.kind is EventKind.ROLE_ASSIGNED:
            names[str(event.data.get("name", ""))] = str(event.data.get("role", "responder"))
    stripped = {name.strip(): role for name, role in names.items() if len(name.strip()) > 1}
    return dict(sorted(stripped.items(), key=lambda pair: (-len(pair[0]), pair[0])))


def region_text(incident: Incident, events: Sequence[Event], view: View, names: Names, mark: str | None = None) -> str:
    """Return the text of the whole incident; `mark`, about the annotation itself, comes first."""
    if mark is None and incident.dismissed_at is not None:
        mark = "Dismissed as a false alarm"
    lines = [f"<b>{escape(mark)}</b>"] if mark else []
    lines += [_head(incident, names), f"Phase: {incident.phase.value}"]
    if incident.types:
        lines.append(f"Type: {', '.join(incident.types)}")
    values = ((label, incident.dimensions.get(label, NO_VALUE)) for label in view.dimensions)
    lines += [f"{label.capitalize()}: {_safe(value, LONGEST_TITLE, names)}" for label, value in values if value]
    lines += [f"{m.value.capitalize()}: {_clock(at, view)}" for m, at in _in_order(incident)]
    budgets = incident.error_budgets.items()
    lines += [f"Error budget spent: {share:.1%} of {escape(one_line(slo))}" for slo, share in budgets]
    links = [("Incident", page_url(view.public_url, incident.id)), ("Postmortem", document_url(events))]
    return _joined([*lines, _links(links)])


def point_text(incident: Incident, event: Event, view: View, names: Names) -> str:
    """Return the text of one event."""
    heading = _HEADINGS[event.kind]
    if event.kind is EventKind.SEVERITY_CHANGED and event.severity is not None:
        heading = f"{heading} to {event.severity.value}"
    lines = [f"<b>{heading}</b>", _head(incident, names), _clock(event.occurred_at, view)]
    if event.kind is EventKind.NOTE:
        lines.append(_safe(str(event.data.get("text", "")), LONGEST_NOTE, names))
    lines += [_safe(flag, LONGEST_TITLE, names) for flag in flags_of(event)]
    document = document_url([event]) if event.kind in OF_DOCUMENTS else None
    return _joined([*lines, _links([("Incident", page_url(view.public_url, incident.id)), ("Postmortem", document)])])


def _joined(lines: Iterable[str]) -> str:
    return "<br>".join(line for line in lines if line)


def _head(incident: Incident, names: Names) -> str:
    title = _safe(incident.title, LONGEST_TITLE, names)
    return f"<b>{public_id(incident.id)}</b> {incident.severity.value} {title}".rstrip()


def _in_order(incident: Incident) -> list[tuple[Milestone, datetime]]:
    return [(m, incident.milestones[m]) for m in Milestone if m in incident.milestones]


def _clock(at: datetime, view: View) -> str:
    """Write an instant in UTC and in the display zone."""
    local = at.astimezone(view.zone)
    return escape(f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({local:%Y-%m-%d %H:%M:%S %Z})")


def _safe(text: str, longest: int, names: Names) -> str:
    """Return a text from outside as one line of escaped HTML, without people's names."""
    line = one_line(text)
    for name, role in names.items():
        line = _anywhere(name).sub(f"[{role}]", line)
    return escape(shortened(line, longest))


def _anywhere(name: str) -> re.Pattern[str]:
    """Return the pattern of a name, as a whole word if its script has words."""
    bounds = (r"(?<!\w)", r"(?!\w)") if name.isascii() else ("", "")
    return re.compile(bounds[0] + re.escape(name) + bounds[1], re.IGNORECASE)


def flags_of(event: Event) -> list[str]:
    """Return the event's numbers and booleans, such as `pause=true`; other data may name people."""
    flags = [
        f"{key}={str(value).lower()}"
        for key, value in sorted(event.data.items())
        if key != "important" and isinstance(value, bool | int | float)
    ]
    return flags[:_MAX_FLAGS]


def documents_of(events: Iterable[Event]) -> list[str]:
    """Return the locations of the document, the latest last: URLs, or paths in a repository."""
    return [str(e.data["document"]) for e in events if e.kind in OF_DOCUMENTS and e.data.get("document")]


def document_url(events: Iterable[Event]) -> str | None:
    """Return the latest URL of the document, None if it has only paths in a repository."""
    return next((url for url in reversed(documents_of(events)) if url.startswith(("https://", "http://"))), None)


def _links(links: Iterable[tuple[str, str | None]]) -> str:
    shown = [(name, url) for name, url in links if url and len(url) <= LONGEST_LINK]
    return " ".join(f'<a href="{escape(url)}">{name}</a>' for name, url in shown)
