"""The webhooks, in five steps: authenticate, limit the size, parse, record, respond; 2xx only after the commit."""

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
from service.web.schemas import EventsReceipt, TouchedIncident
from service.web.senders import sender_of_webhook
from service.web.services import Services


def alertmanager_blueprint(services: Services) -> Blueprint:
    """Return the webhook of Alertmanager. The blueprint's name is the source under which its requests are counted."""
    bp = Blueprint(Source.ALERTMANAGER.value, __name__)
    severities = NewSeverities()

    @bp.post("/webhooks/alertmanager", strict_slashes=False)
    def take_alerts() -> Response:
        services.counters.request(bp.name)
        body, now = received(request, services, "ingest"), services.clock()
        notification = alertmanager.parse(body, services.alerts, now, sender_of_webhook(request))
        return _json(record(notification, Delivery(bp.name, body, now), services, severities))

    return bp


def grafana_blueprint(services: Services) -> Blueprint:
    """Return the webhook of Grafana-managed alerts."""
    bp = Blueprint(Source.GRAFANA.value, __name__)
    signing, severities = services.sources.grafana_signing, NewSeverities()

    @bp.route("/webhooks/grafana", methods=["POST", "PUT"], strict_slashes=False)
    def take_alerts() -> Response:
        services.counters.request(bp.name)
        now = services.clock()
        if signing is None:
            body = received(request, services, "ingest")
        else:
            body = received_signed(
                request, services, signing, lambda body, header: check_grafana(body, header, signing, now)
            )
        notification = grafana.parse(body, services.sources.grafana, now, sender_of_webhook(request))
        return _json(record(notification, Delivery(bp.name, body, now), services, severities))

    return bp


def lifecycle_blueprint(services: Services) -> Blueprint:
    """Return the webhook for lifecycle events of any system."""
    bp = Blueprint(Source.LIFECYCLE.value, __name__)

    @bp.post("/webhooks/lifecycle", strict_slashes=False)
    def take_events() -> Response:
        services.counters.request(Source.LIFECYCLE.value)
        body = received(request, services, "ingest")
        now = services.clock()
        parsed = lifecycle.parse_lifecycle(body, services.events, now)
        label, sender = services.alerts.correlation_label, sender_of_webhook(request)
        events = tuple(
            KeyedEvent(
                key,
                attributed(event),
                tuple(named_alias(alias, sender) for alias in shared_name(event.labels, label)),
            )
            for key, event in parsed
        )
        outcomes = services.recorder.submit(RecordEvents(events, Delivery(Source.LIFECYCLE.value, body, now)))
        services.counters.received(Source.LIFECYCLE.value, now)
        repeated = sum(not outcome.created for outcome in outcomes)
        return _json(EventsReceipt(incidents=TouchedIncident.of(outcomes), events=len(events), repeated=repeated))

    return bp


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), mimetype="application/json")
