"""Common handling of every request: a request id, response headers, and reading the body."""

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import UnsupportedMediaType

from service.domain.events import Event
from service.intake.reasons import Failure
from service.intake.signatures import BadSignature, Header
from service.intake.sources import webhook_path
from service.intake.wire import PayloadError
from service.settings.tokens import Token
from service.web.auth import Denied, Scope, authorize, check_host, check_origin
from service.web.rate import FREE, Limiter, sender_of
from service.web.services import Services

REFUSAL = "mttx.refusal"
ARRIVED = "mttx.arrived"
"""Keys of the WSGI environment that `service.web.front` adds: the exception to reject a request with, and when the
request was complete, by the monotonic clock."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class IncompleteBody(Exception):
    """The body of a request did not arrive in time, or is shorter than announced."""


def blueprint(services: Services) -> Blueprint:
    """Return the hooks around every request of the application."""
    bp = Blueprint("edge", __name__)
    limiter = Limiter(services.rate) if services.rate else None
    sources = services.sources.profiles

    @bp.before_app_request
    def name_the_request() -> None:
        request_id = request.headers.get("X-Request-ID")
        g.request_id = request_id if request_id and _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(8)

    @bp.before_app_request
    def check_the_request() -> None:
        try:
            _check(request, services)
            if limiter is not None and request.blueprint not in FREE:
                limiter.check(sender_of(request, services.tokens))
        except Exception:
            if request.blueprint in sources:
                services.counters.request(request.blueprint)
            raise

    @bp.after_app_request
    def finish(response: Response) -> Response:
        headers = response.headers
        headers["X-Request-ID"] = g.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Cache-Control", "no-store")
        return response

    return bp


def _check(request: Request, services: Services) -> None:
    """Raise the front's rejection, if any; without tokens every request must be addressed to loopback."""
    refusal = request.environ.get(REFUSAL)
    if refusal is not None:
        raise refusal
    if not services.tokens:
        check_host(request)


def received(request: Request, services: Services, scope: Scope) -> bytes:
    """Authenticate a request, limit its body, and return the body.

    Raises Denied, UnsupportedMediaType, or PayloadError (`too_large`) before more than the limit is read; chunked
    bodies without a length are limited as well.
    """
    g.token = authorize(request, services.tokens, scope)
    return _bounded(request, services)


def token_name() -> str | None:
    """Return the name of the request's token; None without tokens, and for a signed body."""
    token: Token | None = g.get("token")
    return token.name if token else None


def attributed(event: Event) -> Event:
    """Return the event with the name of the request's token."""
    return replace(event, recorded_by=token_name())


def received_webhook(request: Request, services: Services, source: str, now: datetime) -> bytes:
    """Return the body of a webhook: signed if its source signs, else with a token. Raises as `received`.

    A signed body needs no token; a request without any signature is rejected before its body is read.
    """
    signing = services.sources.signings.get(source)
    if signing is None:
        return received(request, services, "ingest")
    _check_signed(request, signing.check_present)
    body = _bounded(request, services)
    _check_signed(request, lambda header: signing.check(body, header, now))
    return body


def _bounded(request: Request, services: Services) -> bytes:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body uncompressed: Content-Encoding is not understood here.")
    most = services.max_bytes
    if (request.content_length or 0) <= most:
        request.max_content_length = most + 1  # werkzeug silently truncates a chunked body at its limit
        body = request.get_data(cache=False)
        if len(body) <= most:
            return body
    raise too_large(most)


def too_large(most: int) -> PayloadError:
    """Return the error for a body of more than `most` bytes."""
    return PayloadError(Failure.TOO_LARGE, f"The body is larger than {most} bytes (`limits.body_bytes`).")


def admission(services: Services) -> Callable[[dict[str, Any]], None]:
    """Return a function that decides by the headers whether to read the body of a POST or PUT.

    It takes the WSGI environment and raises Denied. The routes repeat these checks and add others, so they do not
    depend on the front.
    """
    signed = {webhook_path(source): signing for source, signing in services.sources.signings.items()}

    def admit(environ: dict[str, Any]) -> None:
        sender = Request(environ)
        path = sender.path.rstrip("/")
        if not services.tokens:
            check_host(sender)
        if path in signed:
            _check_signed(sender, signed[path].check_present)
        else:
            authorize(sender, services.tokens, "ingest" if path.startswith("/webhooks/") else "write")

    return admit


def _check_signed(request: Request, check: Callable[[Header], None]) -> None:
    check_origin(request)
    try:
        check(request.headers.get)
    except BadSignature as error:
        raise Denied(Failure.UNAUTHORIZED, str(error)) from error
