"""What holds for every request: a request id, the headers of every answer, and how a body is taken in."""

import re
import secrets

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import UnsupportedMediaType

from service.web.auth import Scope, authorize
from service.web.parts import Parts

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def blueprint() -> Blueprint:
    """Return the hooks around every request of the application."""
    bp = Blueprint("edge", __name__)

    @bp.before_app_request
    def name_the_request() -> None:
        given = request.headers.get("X-Request-ID")
        g.request_id = given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

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

    Raises Denied, UnsupportedMediaType, or RequestEntityTooLarge before more than the limit is read; a body sent in
    chunks without a length is bounded as well.
    """
    authorize(request, parts.tokens, scope)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body uncompressed: Content-Encoding is not understood here.")
    request.max_content_length = parts.most_bytes
    return request.get_data(cache=False)
