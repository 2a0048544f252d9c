"""The list of postmortems: one line each, by lateness, with its owner and what is missing for done, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Request, Response

from service.domain.actions import Action, ActionState
from service.domain.checks import Check, CheckState
from service.domain.done import definition_of_done
from service.domain.events import Role
from service.domain.incident import OPEN_PHASES, Deadline, Incident, Phase
from service.domain.incident_history import IncidentHistory
from service.store.histories import histories_of
from service.store.incidents import IncidentFilter, incident_page
from service.store.outstanding import outstanding_page
from service.web.pages.dimensions import DimensionFilters, dimension_filters
from service.web.pages.queries import cursor_of
from service.web.pages.renderer import PageRenderer
from service.web.pages.story import web_link
from service.web.postmortems import document_of
from service.web.services import Services

PAGE = 50


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing for a postmortem to be done: stages and actions in the order of their due dates."""

    stages: tuple[Deadline, ...]
    failed: tuple[Check, ...]
    unchecked: tuple[Check, ...]
    open_actions: tuple[Action, ...]
    unverified: int

    @property
    def is_nothing(self) -> bool:
        """Return whether the postmortem is done."""
        return not (self.stages or self.failed or self.unchecked or self.open_actions or self.unverified)


@dataclass(frozen=True, slots=True)
class PostmortemLine:
    """One line: the incident, who owes its postmortem ("" if no one was named), and what is missing."""

    incident: Incident
    owner: str
    document_link: str | None
    missing: Missing


def show(services: Services, renderer: PageRenderer, request: Request) -> Response:
    """Return a page of the postmortems: outstanding ones by lateness, or all, the newest first."""
    now, everything = services.clock(), request.args.get("all") == "yes"
    filters = dimension_filters(services, request.args)
    lines, more = (_all if everything else _outstanding)(services, request, filters, now)
    return renderer.render(request, "postmortems", now, lines=lines, everything=everything, dimensions=filters, **more)


def missing_of(incident: Incident, now: datetime) -> Missing:
    """Return what is missing; what the document has to show is checked once it is drafted."""
    checks = {check: state for check, state in definition_of_done(incident, now).items() if check is not Check.DEADLINE}
    drafted = any(state is not CheckState.PENDING for state in checks.values())
    stages = [deadline for deadline in incident.deadlines if deadline.done_at is None]
    actions = [action for action in incident.actions if action.state is ActionState.OPEN]
    return Missing(
        stages=tuple(stages) if incident.dismissed_at is None else (),
        failed=tuple(check for check, state in checks.items() if state is CheckState.FAILED),
        unchecked=tuple(check for check, state in checks.items() if drafted and state is CheckState.PENDING),
        open_actions=tuple(sorted(actions, key=lambda action: (action.due_at is None, action.due_at or now))),
        unverified=sum(action.state is ActionState.COMPLETED for action in incident.actions),
    )


def owner_of(incident: Incident) -> str:
    """Return who owes the postmortem: its owner, else the commander."""
    return incident.roles.get(Role.POSTMORTEM_OWNER) or incident.roles.get(Role.COMMANDER) or ""


def _outstanding(
    services: Services, request: Request, filters: DimensionFilters, now: datetime
) -> tuple[list[PostmortemLine], dict[str, Any]]:
    skip = min(cursor_of(request.args, "skip") or 0, 10**9)
    page = services.store.read(outstanding_page, skip=skip, limit=PAGE, dimensions=filters.selected)
    lines = _lines(services, [row.id for row, _ in page.rows], now)
    following = skip + PAGE if skip + PAGE < page.total else None
    return lines, {"total": page.total, "before": skip, "next": {"skip": following} if following else None}


def _all(
    services: Services, request: Request, filters: DimensionFilters, now: datetime
) -> tuple[list[PostmortemLine], dict[str, Any]]:
    before = cursor_of(request.args, "before")
    filter_ = IncidentFilter(phases=(*OPEN_PHASES, Phase.RESOLVED), dimensions=filters.selected)
    page = services.store.read(incident_page, filter_, before=before, limit=PAGE)
    lines = _lines(services, [row.id for row in page.rows], now)
    return lines, {"total": None, "before": before, "next": {"before": page.older} if page.older else None}


def _lines(services: Services, ids: list[int], now: datetime) -> list[PostmortemLine]:
    histories = services.store.read(histories_of, ids, services.policy)
    return [_line(histories[incident_id], now) for incident_id in ids]


def _line(history: IncidentHistory, now: datetime) -> PostmortemLine:
    incident, document = history.incident, document_of(history.effective_events)
    return PostmortemLine(incident, owner_of(incident), web_link(document), missing_of(incident, now))
