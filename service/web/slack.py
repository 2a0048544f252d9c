"""What people do in Slack, in signed requests: one address for buttons and for commands."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from service.intake.slack import read_form
from service.intake.sources import Source
from service.web.edge import received_webhook
from service.web.services import Services

Answer = Callable[[Mapping[str, Any], datetime], Mapping[str, Any]]


def blueprint(services: Services, answer: Answer) -> Blueprint:
    """Return the route. Slack shows an error to the person unless it is answered 200 within three seconds."""
    bp = Blueprint(Source.SLACK.value, __name__)

    @bp.post(Source.SLACK.path, strict_slashes=False)
    def receive() -> Response:
        services.counters.request(bp.name)
        now = services.clock()
        content = answer(read_form(received_webhook(request, services, Source.SLACK, now)), now)
        return jsonify(content) if content else Response(status=200)

    return bp
