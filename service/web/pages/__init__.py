"""The web pages: targets and open incidents, lists, one incident with its forms, and the postmortems."""

from collections.abc import Callable

from flask import Blueprint, Request, Response, request
from werkzeug.exceptions import NotFound

from service.intake.reasons import Failure
from service.recorder.commands import Busy, UnknownIncident
from service.store import StoreUnavailable
from service.web.auth import CHALLENGES, Denied, authorize, authorize_view
from service.web.pages import home, incident, lists, postmortems, reports, runbook, trends
from service.web.pages.csrf import CsrfTokens
from service.web.pages.period_tables import PeriodTables
from service.web.pages.renderer import PageRenderer, page_renderer
from service.web.rate import TooOften
from service.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """Return the pages."""
    bp = Blueprint("pages", __name__)
    renderer, csrf_tokens = page_renderer(services.zone), CsrfTokens(services.tokens)
    tables = PeriodTables(services)
    _answer_errors(bp, renderer, services)

    @bp.get("/")
    def landing() -> Response:
        authorize_view(request, services.tokens, services.users)
        return home.show(services, renderer, request)

    @bp.get("/incidents", strict_slashes=False)
    def incidents() -> Response:
        authorize_view(request, services.tokens, services.users)
        return lists.incidents(services, renderer, request)

    @bp.get("/postmortems", strict_slashes=False)
    def show_postmortems() -> Response:
        authorize_view(request, services.tokens, services.users)
        return postmortems.show(services, renderer, request)

    @bp.get("/trends", strict_slashes=False)
    def show_trends() -> Response:
        authorize_view(request, services.tokens, services.users)
        return trends.show(services, renderer, request, tables)

    @bp.get("/reports", strict_slashes=False)
    @bp.get("/reports/<month>", strict_slashes=False)
    def show_report(month: str | None = None) -> Response:
        authorize_view(request, services.tokens, services.users)
        return reports.show(services, renderer, request, month)

    @bp.get("/runbook", strict_slashes=False)
    def show_runbook() -> Response:
        authorize_view(request, services.tokens, services.users)
        return runbook.show(services, renderer, request)

    @bp.get("/incidents/<incident_id>", strict_slashes=False)
    def show_incident(incident_id: str) -> Response:
        token = authorize_view(request, services.tokens, services.users)
        return incident.IncidentForms(services, renderer, csrf_tokens, request, token).show(incident_id)

    @bp.get("/incidents/<incident_id>/<action>", strict_slashes=False)
    def show_form(incident_id: str, action: str) -> Response:
        token = authorize_view(request, services.tokens, services.users)
        return incident.IncidentForms(services, renderer, csrf_tokens, request, token).show_form(incident_id, action)

    @bp.post("/incidents/<incident_id>/<action>", strict_slashes=False)
    def send_form(incident_id: str, action: str) -> Response:
        token = authorize(request, services.tokens, "write")
        return incident.IncidentForms(services, renderer, csrf_tokens, request, token).submit(incident_id, action)

    return bp


def missing_page(services: Services) -> Callable[[Request], Response | None]:
    """Return what answers an address that does not exist: a page for browsers, None for others."""
    renderer = page_renderer(services.zone)

    def answer(request: Request) -> Response | None:
        if "text/html" not in request.headers.get("Accept", ""):
            return None
        return renderer.render(request, "error", services.clock(), 404, key="missing")

    return answer


def _answer_errors(bp: Blueprint, renderer: PageRenderer, services: Services) -> None:
    """Register error handlers that answer with a page instead of a problem document."""

    def page(status: int, key: str) -> Response:
        return renderer.render(request, "error", services.clock(), status, key=key)

    @bp.errorhandler(Denied)
    def denied(error: Denied) -> Response:
        unknown = error.reason is Failure.UNAUTHORIZED
        without = "denied.wrong" if request.authorization else "denied.unknown"
        answer = page(401 if unknown else 403, without if unknown else "denied.forbidden")
        if unknown:
            for challenge in CHALLENGES:
                answer.headers.add("WWW-Authenticate", challenge)
        return answer

    @bp.errorhandler(UnknownIncident)
    @bp.errorhandler(NotFound)
    def missing(_: Exception) -> Response:
        return page(404, "missing")

    @bp.errorhandler(StoreUnavailable)
    @bp.errorhandler(Busy)
    @bp.errorhandler(TooOften)
    def unavailable(error: Exception) -> Response:
        answer = page(503, "unavailable")
        answer.headers["Retry-After"] = str(error.seconds if isinstance(error, TooOften) else 5)
        return answer
