"""The list of incidents, with its filters and its search, and the list of postmortems."""

from flask import Request, Response

from service.domain.incident import Phase
from service.domain.policy import IncidentType, Severity
from service.store.incidents import incident_page
from service.web.pages.queries import STATES, cursor_of, search_of
from service.web.pages.renderer import PageRenderer
from service.web.pages.story import web_link
from service.web.postmortems import status_page
from service.web.services import Services

PAGE = 50
POSTMORTEMS = 20


def incidents(services: Services, renderer: PageRenderer, request: Request) -> Response:
    """Return a page of the list."""
    now, search = services.clock(), search_of(request.args, services.windows)
    filter_ = search.filter(services.windows, now)
    page = services.store.read(incident_page, filter_, before=search.before, after=search.after, limit=PAGE)
    return renderer.render(
        request,
        "incidents",
        now,
        page=page,
        search=search,
        states=list(STATES),
        severities=[severity.value for severity in Severity],
        types=[kind.value for kind in IncidentType],
        windows=list(services.windows),
        open_phases=[phase.value for phase in STATES["open"]],
        resolved=Phase.RESOLVED,
    )


def postmortems(services: Services, renderer: PageRenderer, request: Request) -> Response:
    """Return a page of the postmortems: outstanding ones, or all."""
    now, everything = services.clock(), request.args.get("all") == "yes"
    before = cursor_of(request.args, "before")
    statuses, older = status_page(services, now, before, POSTMORTEMS, outstanding=not everything)
    return renderer.render(
        request,
        "postmortems",
        now,
        statuses=statuses,
        documents={row.id: web_link(row.document) for row in statuses},
        everything=everything,
        older=older,
        before=before,
    )
