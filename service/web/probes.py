"""Liveness and readiness probes for orchestrators, and the scrape."""

from flask import Blueprint, Response, request

from service.recorder.commands import Busy
from service.web.auth import authorize_view
from service.web.edge import ARRIVED
from service.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """Return the probes and /metrics, open to everyone unless `metrics_auth` is set or there are users."""
    bp = Blueprint("probes", __name__)

    @bp.before_request
    def check() -> None:
        if services.metrics_auth or services.users:
            authorize_view(request, services.tokens, services.users)

    @bp.get("/-/healthy", strict_slashes=False)
    def healthy() -> Response:
        if not services.recorder.alive:
            raise Busy("The writer has stopped, or is about to.")
        return Response("healthy\n", mimetype="text/plain")

    @bp.get("/-/ready", strict_slashes=False)
    def ready() -> Response:
        services.recorder.check_ready()
        services.store.ping()
        return Response("ready\n", mimetype="text/plain")

    @bp.get("/metrics", strict_slashes=False)
    def scrape() -> Response:
        accept, encoding = request.headers.get("Accept"), request.headers.get("Accept-Encoding")
        body, headers = services.exposition(accept, encoding, request.environ.get(ARRIVED))
        return Response(body, headers=headers)

    return bp
