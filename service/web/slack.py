"""What people do in Slack, in signed requests: one address for buttons and for commands."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from service.intake.slack import read_form
from service.intake.sources import Source
from service.web.edge import Edge, body_of
from service.web.services import Services

Answer = Callable[[Mapping[str, Any], datetime], Mapping[str, Any]]


def blueprint(services: Services, edge: Edge, answer: Answer) -> Blueprint:
    """Return the route. Slack shows an error to the person unless it is answered 200 within three seconds."""
    bp = Blueprint(Source.SLACK.value, __name__)

    @bp.post(Source.SLACK.path, strict_slashes=False)
    def receive() -> Response:
        edge.admit(request, Source.SLACK)
        body, now = body_of(request, services.max_bytes), services.clock()
        edge.verify(request, Source.SLACK, body, now)
        content = answer(read_form(body), now)
        return jsonify(content) if content else Response(status=200)

    return bp
