"""Errors as RFC 9457 problem documents, counted by reason and logged without names and tokens."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Request, Response, g, request
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from service.intake.reasons import Failure
from service.intake.sources import SenderProfile, Source
from service.intake.wire import Fault, PayloadError
from service.metrics.process_counters import ProcessCounters
from service.printable import printable
from service.recorder.commands import Busy, Refused, UnknownIncident
from service.store import StoreUnavailable
from service.web.auth import CHALLENGES, Denied
from service.web.edge import IncompleteBody
from service.web.rate import TooOften
from service.web.services import Occupied

LONGEST_LOGGED = 300
MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)
_OF_STATUS = {
    HTTPStatus.BAD_REQUEST: Failure.INVALID_PAYLOAD,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Failure.UNSUPPORTED_ENCODING,
}


class FaultSchema(BaseModel):
    """One fault: a JSON pointer into the body, and a description."""

    pointer: str
    detail: str


class ProblemSchema(BaseModel):
    """An RFC 9457 problem document; `type` ends in the reason under which the failure is counted."""

    type: str = Field(examples=["urn:mttx-exporter:problem:invalid_payload"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str
    errors: list[FaultSchema]


@dataclass(frozen=True, slots=True)
class _Problem:
    status: HTTPStatus
    detail: str
    reason: Failure | None = None
    faults: tuple[Fault, ...] = ()
    headers: list[tuple[str, str]] = field(default_factory=list)

    def document(self) -> ProblemSchema:
        kind = f"urn:mttx-exporter:problem:{self.reason}" if self.reason else "about:blank"
        faults = [FaultSchema(pointer=fault.pointer, detail=fault.detail) for fault in self.faults]
        return ProblemSchema(type=kind, title=self.status.phrase, status=self.status, detail=self.detail, errors=faults)


def blueprint(
    counters: ProcessCounters,
    profiles: Mapping[str, SenderProfile],
    missing_page: Callable[[Request], Response | None],
) -> Blueprint:
    """Return a blueprint that turns every exception of views and routing into a problem document.

    `profiles` are those of all sources. `missing_page` may answer instead for an address that does not exist.
    """
    bp = Blueprint("problems", __name__)

    @bp.app_errorhandler(Exception)
    def answer(error: Exception) -> Response:
        source = request.blueprint
        profile = profiles.get(source or "")
        problem = _problem(error, retries=profile is not None and profile.retries)
        if profile is not None and problem.reason is not None:
            counters.failure(str(source), problem.reason.value)
        _log(error, problem, source, is_webhook=profile is not None and source != Source.API)
        page = missing_page(request) if isinstance(error, NotFound) and source is None else None
        if page is not None:
            return page
        body = problem.document().model_dump_json()
        return Response(body, problem.status, problem.headers, content_type=MEDIA_TYPE)

    return bp


def _problem(error: Exception, *, retries: bool) -> _Problem:  # noqa: C901, PLR0912 - a table, one line for each kind of error
    match error:
        case PayloadError(reason=Failure.FUTURE) if retries:
            again = _again(error.detail, Failure.FUTURE, seconds=60)
            return replace(again, faults=error.faults)
        case PayloadError():
            too_large = error.reason is Failure.TOO_LARGE
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
            return _Problem(status, error.detail, error.reason, error.faults)
        case Denied(reason=Failure.UNAUTHORIZED):
            challenges = [("WWW-Authenticate", challenge) for challenge in CHALLENGES]
            return _Problem(HTTPStatus.UNAUTHORIZED, error.detail, error.reason, headers=challenges)
        case Denied():
            return _Problem(HTTPStatus.FORBIDDEN, error.detail, error.reason)
        case UnknownIncident():
            return _Problem(HTTPStatus.NOT_FOUND, str(error), Failure.UNKNOWN_INCIDENT)
        case Refused():
            return _Problem(HTTPStatus.CONFLICT, str(error), Failure.CONFLICT)
        case Busy():
            return _again("Too many requests wait for the store; try again.", Failure.BUSY, seconds=1)
        case IncompleteBody():
            return _again(f"{error}; try again.", Failure.INCOMPLETE, seconds=1)
        case TooOften():
            detail = "More requests than `limits.rate` allows for one sender; try again."
            return _again(detail, Failure.RATE, seconds=error.seconds)
        case Occupied():
            return _again(f"{error}; try again.", Failure.BUSY, seconds=30)
        case StoreUnavailable():
            return _again("The store does not answer; try again.", Failure.STORE, seconds=5)
        case HTTPException():
            return _of_http(error)
        case _:
            detail = "Something went wrong on our side; the log has it under the id in X-Request-ID."
            return _Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, Failure.INTERNAL)


def _again(detail: str, reason: Failure, seconds: int) -> _Problem:
    return _Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, reason, headers=[("Retry-After", str(seconds))])


def _of_http(error: HTTPException) -> _Problem:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    headers = [("Allow", ", ".join(sorted(methods)))] if methods else []
    return _Problem(status, error.description or status.phrase, _OF_STATUS.get(status), headers=headers)


def _log(error: Exception, problem: _Problem, source: str | None, *, is_webhook: bool) -> None:
    """Log internal errors with a traceback and rejections in one line, without the request's content."""
    about: dict[str, Any] = {
        "request_id": g.get("request_id"),
        "source": source,
        "status": problem.status.value,
        "reason": problem.reason,
    }
    if isinstance(error, Denied):
        about["client"] = request.remote_addr
    match problem.status:
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            _LOG.error("the request failed", extra=about, exc_info=error)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            _LOG.warning("try again: %s", _brief(str(error)), extra=about)
        case _:
            level = logging.WARNING if is_webhook else logging.INFO
            _LOG.log(level, "refused: %s", _brief(problem.detail), extra=about)


def _brief(text: str) -> str:
    """Shorten a text for a log line, since it may quote input."""
    text = printable(text)
    return text if len(text) <= LONGEST_LOGGED else f"{text[:LONGEST_LOGGED]}…"
