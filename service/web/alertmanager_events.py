"""Record and answer events of Alertmanager's event recorder: ends that are never notified, and silences."""

from flask import Response

from service.domain.events import Event, ReceivedWebhook
from service.domain.senders import named_source
from service.intake.alertmanager_events import RecordedEvents
from service.intake.sources import Source
from service.polling.silences import RECENT, acknowledgements
from service.recorder.commands import RecordAlerts
from service.store.incidents import recent_episodes
from service.web.edge import token_name
from service.web.responses import json_response
from service.web.schemas import EventsReceipt, TouchedIncident
from service.web.services import Services


def record_recorded_events(
    batch: RecordedEvents, webhook: ReceivedWebhook, services: Services, sender: str
) -> Response:
    """Record the ends, and the silences that acknowledge, in one command, and return the response."""
    events = _acknowledgements(batch, webhook, services, sender)
    command = RecordAlerts(batch.ends, webhook, events=events)
    outcomes = services.recorder.submit(command) if batch.ends or events else ()
    for error in batch.unreadable:
        services.counters.failure(webhook.source, error.reason.value)
    services.counters.received(webhook.source, webhook.received_at)
    return json_response(EventsReceipt(incidents=TouchedIncident.of(outcomes), events=batch.total, repeated=0))


def _acknowledgements(
    batch: RecordedEvents, webhook: ReceivedWebhook, services: Services, sender: str
) -> tuple[tuple[int, Event], ...]:
    """Return what the silences acknowledge; this needs a read of the store."""
    people, now = services.sources.people, webhook.received_at
    if not batch.silences or people is None:
        return ()
    incidents = services.store.read(recent_episodes, now - RECENT)
    source = named_source(Source.ALERTMANAGER.value, sender)
    return tuple(acknowledgements(batch.silences, incidents, people, now, source=source, recorded_by=token_name()))
