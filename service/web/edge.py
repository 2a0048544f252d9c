"""Common handling of every request: a request id, response headers, who may send, and reading the body."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import UnsupportedMediaType

from service.domain.events import Event
from service.intake.reasons import Failure
from service.intake.signatures import BadSignature
from service.intake.wire import PayloadError
from service.settings.tokens import Token
from service.web.auth import Denied, authorize, check_host, check_origin
from service.web.rate import FREE, Limiter, sender_of
from service.web.services import Services

REFUSAL = "mttx.refusal"
ARRIVED = "mttx.arrived"
"""Keys of the WSGI environment that `service.web.front` adds: the exception to reject a request with, and when the
request was complete, by the monotonic clock."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class IncompleteBody(Exception):
    """The body of a request did not arrive in time, or is shorter than announced."""


class Edge:
    """What every request passes, in the front and in the application. Raises what `service.web.problems` answers."""

    def __init__(self, services: Services) -> None:
        self._tokens = services.tokens
        self._signings = services.sources.signings
        self._limiter = Limiter(services.rate) if services.rate else None

    def check_host(self, request: Request) -> None:
        """Deny what is not addressed to loopback, without tokens."""
        if not self._tokens:
            check_host(request)

    def admit(self, request: Request, source: str | None) -> Token | None:
        """Decide by the headers whether a POST or PUT may be read, and return its token.

        A source that signs needs no token: its signature is checked with the body. Raises Denied, also for requests
        that a page of another origin had a browser send.
        """
        self.check_host(request)
        signing = self._signings.get(source) if source else None
        if signing is None:
            return authorize(request, self._tokens, "ingest" if request.path.startswith("/webhooks/") else "write")
        check_origin(request)
        with _denying():
            signing.check_present(request.headers.get)
        return None

    def verify(self, request: Request, source: str, body: bytes, now: datetime) -> None:
        """Check the signature of a body, if its source signs. Raises Denied."""
        signing = self._signings.get(source)
        if signing is not None:
            with _denying():
                signing.check(body, request.headers.get, now)

    def limit(self, request: Request) -> None:
        """Count a request of its sender. Raises TooOften."""
        if self._limiter is not None:
            self._limiter.check(sender_of(request, self._tokens))


@contextmanager
def _denying() -> Iterator[None]:
    try:
        yield
    except BadSignature as error:
        raise Denied(Failure.UNAUTHORIZED, str(error)) from error


def request_id(request: Request) -> str:
    """Return the sender's id of a request, or a new one."""
    from_sender = request.headers.get("X-Request-ID")
    return from_sender if from_sender and _REQUEST_ID.fullmatch(from_sender) else secrets.token_hex(8)


def response_headers(request_id: str) -> list[tuple[str, str]]:
    """Return the headers of every response; a route may set another Cache-Control."""
    return [("X-Request-ID", request_id), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")]


def blueprint(services: Services, edge: Edge) -> Blueprint:
    """Return the hooks around every request of the application."""
    bp = Blueprint("edge", __name__)
    sources = services.sources.profiles

    @bp.before_app_request
    def name_the_request() -> None:
        g.request_id = request_id(request)

    @bp.before_app_request
    def check_the_request() -> None:
        if request.blueprint in sources:
            services.counters.request(request.blueprint)
        refusal = request.environ.get(REFUSAL)
        if refusal is not None:
            raise refusal
        edge.check_host(request)
        if request.blueprint not in FREE:
            edge.limit(request)

    @bp.after_app_request
    def finish(response: Response) -> Response:
        for name, value in response_headers(g.request_id):
            response.headers.setdefault(name, value)
        return response

    return bp


def received(request: Request, services: Services) -> bytes:
    """Authenticate a write, limit its body, and return the body.

    Raises Denied, UnsupportedMediaType, or PayloadError (`too_large`) before more than the limit is read; chunked
    bodies without a length are limited as well.
    """
    g.token = authorize(request, services.tokens, "write")
    return body_of(request, services.max_bytes)


def attributed(event: Event) -> Event:
    """Return the event with the name of the request's token; None without tokens."""
    token: Token | None = g.get("token")
    return replace(event, recorded_by=token.name if token else None)


def check_encoding(request: Request) -> None:
    """Raise UnsupportedMediaType for a compressed body."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body uncompressed: Content-Encoding is not understood here.")


def body_of(request: Request, most: int) -> bytes:
    """Return the body of at most so many bytes. Raises as `received`."""
    check_encoding(request)
    if (request.content_length or 0) <= most:
        request.max_content_length = most + 1  # werkzeug silently truncates a chunked body at its limit
        body = request.get_data(cache=False)
        if len(body) <= most:
            return body
    raise too_large(most)


def too_large(most: int) -> PayloadError:
    """Return the error for a body of more than `most` bytes."""
    return PayloadError(Failure.TOO_LARGE, f"The body is larger than {most} bytes (`limits.body_bytes`).")
