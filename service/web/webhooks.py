"""The webhooks. Each is the same five steps: authenticate, bound, parse, record, answer; 2xx only after the commit."""

from flask import Blueprint, Response, request
from pydantic import BaseModel

from service.intake import alertmanager, lifecycle
from service.intake.reasons import Source
from service.recorder.commands import Delivery, KeyedEvent, Outcome, RecordAlerts, RecordEvents
from service.web.edge import received
from service.web.parts import Parts
from service.web.shapes import AlertsReceipt, EventsReceipt, TouchedIncident


def alertmanager_blueprint(parts: Parts) -> Blueprint:
    """Return the webhook of Alertmanager. A blueprint's name is the source under which its requests are counted."""
    bp = Blueprint(Source.ALERTMANAGER.value, __name__)

    @bp.post("/webhooks/alertmanager", strict_slashes=False)
    def take_alerts() -> Response:
        parts.tally.request(Source.ALERTMANAGER.value)
        body = received(request, parts, "ingest")
        now = parts.clock()
        notification = alertmanager.parse(body, parts.alerts, now)
        outcomes: tuple[Outcome, ...] = ()
        if notification.alerts:  # what is ignored altogether is not worth a commit
            delivery = Delivery(Source.ALERTMANAGER.value, body, now)
            outcomes = parts.recorder.submit(RecordAlerts(notification.alerts, delivery))
        _count(notification, parts)
        parts.tally.heard(Source.ALERTMANAGER.value, now)
        return _json(
            AlertsReceipt(
                incidents=TouchedIncident.of(outcomes),
                alerts=notification.total,
                ignored=notification.total - len(notification.alerts),
            )
        )

    return bp


def lifecycle_blueprint(parts: Parts) -> Blueprint:
    """Return the webhook for lifecycle events of any system."""
    bp = Blueprint(Source.LIFECYCLE.value, __name__)

    @bp.post("/webhooks/lifecycle", strict_slashes=False)
    def take_events() -> Response:
        parts.tally.request(Source.LIFECYCLE.value)
        body = received(request, parts, "ingest")
        now = parts.clock()
        told = lifecycle.parse_lifecycle(body, parts.events, now)
        events = tuple(KeyedEvent(key, event) for key, event in told)
        outcomes = parts.recorder.submit(RecordEvents(events, Delivery(Source.LIFECYCLE.value, body, now)))
        parts.tally.heard(Source.LIFECYCLE.value, now)
        repeated = sum(not outcome.created for outcome in outcomes)
        return _json(EventsReceipt(incidents=TouchedIncident.of(outcomes), events=len(events), repeated=repeated))

    return bp


def _count(notification: alertmanager.Notification, parts: Parts) -> None:
    for reason, count in notification.ignored.items():
        parts.tally.ignored(Source.ALERTMANAGER.value, reason.value, count)
    if notification.truncated:
        parts.tally.truncated(Source.ALERTMANAGER.value, notification.truncated)


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), mimetype="application/json")
