"""The webhook of Alertmanager's event recorder: ends that are never notified, and silences when created."""

from flask import Blueprint, Response, request

from service.domain.events import Event
from service.domain.senders import named_source
from service.intake.alertmanager_events import RecordedEvents, parse
from service.intake.reasons import Source
from service.polling.silences import RECENT, acknowledgements
from service.recorder.commands import Delivery, Outcome, RecordAlerts
from service.web.edge import received, token_name
from service.web.schemas import EventsReceipt, TouchedIncident
from service.web.senders import sender_of_webhook
from service.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """Return the webhook of the event recorder."""
    bp = Blueprint(Source.ALERTMANAGER_EVENTS.value, __name__)

    @bp.post("/webhooks/alertmanager-events", strict_slashes=False)
    def take_events() -> Response:
        services.counters.request(bp.name)
        body, now = received(request, services, "ingest"), services.clock()
        sender = sender_of_webhook(request)
        batch = parse(body, now, services.alerts.most_alerts, sender)
        outcomes = _record(batch, Delivery(bp.name, body, now), services, sender)
        for error in batch.unreadable:
            services.counters.failure(bp.name, error.reason.value)
        services.counters.received(bp.name, now)
        receipt = EventsReceipt(incidents=TouchedIncident.of(outcomes), events=batch.total, repeated=0)
        return Response(receipt.model_dump_json(), mimetype="application/json")

    return bp


def _record(batch: RecordedEvents, delivery: Delivery, services: Services, sender: str) -> tuple[Outcome, ...]:
    """Record the ends, and the silences that acknowledge, in one command. Silences need a read of the store."""
    acts: tuple[tuple[int, Event], ...] = ()
    people, now = services.sources.people, delivery.received_at
    if batch.silences and people is not None:
        concerns = services.store.concerns(now - RECENT)
        source = named_source(Source.ALERTMANAGER.value, sender)
        events = acknowledgements(batch.silences, concerns, people, now, source=source, recorded_by=token_name())
        acts = tuple(events)
    if not batch.ends and not acts:
        return ()
    return services.recorder.submit(RecordAlerts(batch.ends, delivery, events=acts))
