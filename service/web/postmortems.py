"""The API's view of postmortems: deadlines, the definition of done, and every action."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from service.domain.checks import Check, CheckState
from service.domain.events import Event, EventKind
from service.domain.history import effective
from service.domain.incident import Phase
from service.domain.policy import Policy, Severity
from service.store.records import IncidentRecord
from service.web.schemas import ActionSchema, DeadlineSchema, detail

_ABOUT_DOCUMENTS = (EventKind.POSTMORTEM_DRAFTED, EventKind.POSTMORTEM_FINALIZED, EventKind.POSTMORTEM_CHECKED)


class PostmortemStatus(BaseModel):
    """The postmortem of one incident; `document` is the last reported file, null if none was."""

    id: str
    title: str
    severity: Severity
    phase: Phase
    document: str | None
    deadlines: list[DeadlineSchema]
    checks: dict[Check, CheckState]
    actions: list[ActionSchema]


class PostmortemList(BaseModel):
    """A page of postmortems, newest incident first; `next` is the address of the next page."""

    postmortems: list[PostmortemStatus]
    next: str | None


def status(record: IncidentRecord, policy: Policy, now: datetime) -> PostmortemStatus:
    """Return the state of an incident's postmortem."""
    shown = detail(record, record.incident.id, policy, now)
    return PostmortemStatus(
        id=shown.id,
        title=shown.title,
        severity=shown.severity,
        phase=shown.phase,
        document=_document(effective(record.events).events),
        deadlines=shown.deadlines,
        checks=shown.checks,
        actions=shown.actions,
    )


def _document(events: Sequence[Event]) -> str | None:
    named = [str(e.data["document"]) for e in events if e.kind in _ABOUT_DOCUMENTS and e.data.get("document")]
    return named[-1] if named else None
