"""The API's view of postmortems: deadlines, the definition of done, and every action."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from service.domain.checks import Check, CheckState
from service.domain.events import Event, EventKind
from service.domain.incident import OPEN_PHASES, Phase
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy, Severity
from service.store.histories import histories_of
from service.store.incidents import IncidentFilter, incident_page
from service.web.schemas import ActionSchema, DeadlineSchema, detail
from service.web.services import Services

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


def status(history: IncidentHistory, policy: Policy, now: datetime) -> PostmortemStatus:
    """Return the state of an incident's postmortem."""
    shown = detail(history, history.incident.id, policy, now)
    return PostmortemStatus(
        id=shown.id,
        title=shown.title,
        severity=shown.severity,
        phase=shown.phase,
        document=document_of(history.effective_events),
        deadlines=shown.deadlines,
        checks=shown.checks,
        actions=shown.actions,
    )


def status_page(
    services: Services, now: datetime, before: int | None, limit: int, *, outstanding: bool
) -> tuple[list[PostmortemStatus], int | None]:
    """Return a page of postmortems, newest incident first, and the id to continue before, None at the end.

    Dismissed incidents are left out; `outstanding`: so are those without anything outstanding.
    """
    filter_ = IncidentFilter(phases=(*OPEN_PHASES, Phase.RESOLVED), outstanding=outstanding)
    page = services.store.read(incident_page, filter_, before=before, limit=limit)
    histories = services.store.read(histories_of, [row.id for row in page.rows], services.policy)
    return [status(history, services.policy, now) for history in histories.values()], page.older


def document_of(events: Sequence[Event]) -> str | None:
    """Return the last reported document, None if none was."""
    named = [str(e.data["document"]) for e in events if e.kind in _ABOUT_DOCUMENTS and e.data.get("document")]
    return named[-1] if named else None
