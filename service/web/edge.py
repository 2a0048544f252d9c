"""What holds for every request: a request id, the headers of every answer, and how a body is taken in."""

import re
import secrets
from collections.abc import Callable
from dataclasses import replace

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import UnsupportedMediaType

from service.domain.events import Event
from service.intake.reasons import Failure, Source
from service.intake.signatures import BadSignature, Header
from service.intake.wire import PayloadError
from service.settings.tokens import Token
from service.web.auth import Denied, Scope, authorize, check_origin
from service.web.parts import Parts
from service.web.rate import FREE, Limiter, TooOften, sender_of

_SOURCES = frozenset(source.value for source in Source)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def blueprint(parts: Parts) -> Blueprint:
    """Return the hooks around every request of the application."""
    bp = Blueprint("edge", __name__)
    limiter = Limiter(parts.rate) if parts.rate else None

    @bp.before_app_request
    def name_the_request() -> None:
        given = request.headers.get("X-Request-ID")
        g.request_id = given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

    @bp.before_app_request
    def bound_the_rate() -> None:
        if limiter is not None and request.blueprint not in FREE:
            try:
                limiter.check(sender_of(request, parts.tokens))
            except TooOften:
                if request.blueprint in _SOURCES:
                    parts.tally.request(request.blueprint)
                raise

    @bp.after_app_request
    def finish(response: Response) -> Response:
        headers = response.headers
        headers["X-Request-ID"] = g.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Cache-Control", "no-store")
        return response

    return bp


def received(request: Request, parts: Parts, scope: Scope) -> bytes:
    """Return the body of a request that may write: authenticated first, then bounded, then read.

    Raises Denied, UnsupportedMediaType, or PayloadError (`too_large`) before more than the limit is read; a body sent
    in chunks without a length is bounded as well.
    """
    g.token = authorize(request, parts.tokens, scope)
    return _bounded(request, parts)


def token_name() -> str | None:
    """Return the name of the token that the body was sent with; None without tokens, and for a signed body."""
    token: Token | None = g.get("token")
    return token.name if token else None


def attributed(event: Event) -> Event:
    """Return the event with the name of the token that it was sent with."""
    return replace(event, recorded_by=token_name())


def received_signed(request: Request, parts: Parts, check: Callable[[bytes, Header], None]) -> bytes:
    """Return the body of a request that `check` finds to be signed; no token is needed then. Raises as `received`."""
    check_origin(request)
    body = _bounded(request, parts)
    try:
        check(body, request.headers.get)
    except BadSignature as error:
        raise Denied(Failure.UNAUTHORIZED, str(error)) from error
    return body


def _bounded(request: Request, parts: Parts) -> bytes:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body uncompressed: Content-Encoding is not understood here.")
    most = parts.most_bytes
    if (request.content_length or 0) <= most:
        request.max_content_length = most + 1  # werkzeug cuts a body in chunks off at its limit and says nothing
        body = request.get_data(cache=False)
        if len(body) <= most:
            return body
    raise PayloadError(Failure.TOO_LARGE, f"The body is larger than {most} bytes (`limits.body_bytes`).")
