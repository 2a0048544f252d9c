"""The list of incidents, with its filters and its search."""

from flask import Request, Response

from service.domain.incident import Phase
from service.domain.policy import IncidentType, Severity
from service.store.incidents import incident_page
from service.web.pages.dimensions import dimension_filters
from service.web.pages.queries import STATES, search_of
from service.web.pages.renderer import PageRenderer
from service.web.services import Services

PAGE = 50


def incidents(services: Services, renderer: PageRenderer, request: Request) -> Response:
    """Return a page of the list."""
    now, filters = services.clock(), dimension_filters(services, request.args)
    search = search_of(request.args, services.windows, filters)
    filter_ = search.filter(services.windows, now)
    page = services.store.read(incident_page, filter_, before=search.before, after=search.after, limit=PAGE)
    return renderer.render(
        request,
        "incidents",
        now,
        page=page,
        search=search,
        dimensions=filters,
        states=list(STATES),
        severities=[severity.value for severity in Severity],
        types=[kind.value for kind in IncidentType],
        windows=list(services.windows),
        open_phases=[phase.value for phase in STATES["open"]],
        resolved=Phase.RESOLVED,
    )
