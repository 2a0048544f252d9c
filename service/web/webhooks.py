"""The webhooks. Each is the same five steps: authenticate, bound, parse, record, answer; 2xx only after the commit."""

from flask import Blueprint, Response, request
from pydantic import BaseModel

from service.domain.senders import named_alias
from service.intake import alertmanager, grafana, lifecycle
from service.intake.alertmanager import shared_name
from service.intake.reasons import Source
from service.intake.signatures import check_grafana
from service.recorder.commands import Delivery, KeyedEvent, RecordEvents
from service.web.edge import attributed, received, received_signed
from service.web.notifications import NewSeverities, record
from service.web.parts import Parts
from service.web.senders import sender_of_webhook
from service.web.shapes import EventsReceipt, TouchedIncident


def alertmanager_blueprint(parts: Parts) -> Blueprint:
    """Return the webhook of Alertmanager. A blueprint's name is the source under which its requests are counted."""
    bp = Blueprint(Source.ALERTMANAGER.value, __name__)
    severities = NewSeverities()

    @bp.post("/webhooks/alertmanager", strict_slashes=False)
    def take_alerts() -> Response:
        parts.counters.request(bp.name)
        body, now = received(request, parts, "ingest"), parts.clock()
        notification = alertmanager.parse(body, parts.alerts, now, sender_of_webhook(request))
        return _json(record(notification, Delivery(bp.name, body, now), parts, severities))

    return bp


def grafana_blueprint(parts: Parts) -> Blueprint:
    """Return the webhook of Grafana-managed alerts."""
    bp = Blueprint(Source.GRAFANA.value, __name__)
    signing, severities = parts.sources.grafana_signing, NewSeverities()

    @bp.route("/webhooks/grafana", methods=["POST", "PUT"], strict_slashes=False)
    def take_alerts() -> Response:
        parts.counters.request(bp.name)
        now = parts.clock()
        if signing is None:
            body = received(request, parts, "ingest")
        else:
            body = received_signed(
                request, parts, signing, lambda body, header: check_grafana(body, header, signing, now)
            )
        notification = grafana.parse(body, parts.sources.grafana, now, sender_of_webhook(request))
        return _json(record(notification, Delivery(bp.name, body, now), parts, severities))

    return bp


def lifecycle_blueprint(parts: Parts) -> Blueprint:
    """Return the webhook for lifecycle events of any system."""
    bp = Blueprint(Source.LIFECYCLE.value, __name__)

    @bp.post("/webhooks/lifecycle", strict_slashes=False)
    def take_events() -> Response:
        parts.counters.request(Source.LIFECYCLE.value)
        body = received(request, parts, "ingest")
        now = parts.clock()
        parsed = lifecycle.parse_lifecycle(body, parts.events, now)
        label, sender = parts.alerts.correlation_label, sender_of_webhook(request)
        events = tuple(
            KeyedEvent(
                key,
                attributed(event),
                tuple(named_alias(alias, sender) for alias in shared_name(event.labels, label)),
            )
            for key, event in parsed
        )
        outcomes = parts.recorder.submit(RecordEvents(events, Delivery(Source.LIFECYCLE.value, body, now)))
        parts.counters.heard(Source.LIFECYCLE.value, now)
        repeated = sum(not outcome.created for outcome in outcomes)
        return _json(EventsReceipt(incidents=TouchedIncident.of(outcomes), events=len(events), repeated=repeated))

    return bp


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), mimetype="application/json")
