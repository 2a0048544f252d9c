"""Record events of Alertmanager's event recorder: ends that are never notified, and silences."""

from service.domain.events import Event, ReceivedWebhook
from service.domain.senders import named_source
from service.intake.alertmanager_events import RecordedEvents
from service.intake.sources import Source
from service.polling.silences import RECENT, acknowledgements
from service.recorder.commands import RecordAlerts
from service.store.incidents import recent_episodes
from service.web.receipts import Receipt, Reception
from service.web.schemas import EventsReceipt, TouchedIncident
from service.web.services import Services


def record_recorded_events(
    batch: RecordedEvents, webhook: ReceivedWebhook, services: Services, sender: str, recorded_by: str | None
) -> Reception:
    """Record the ends, and the silences that acknowledge, in one command, and return the receipt."""
    events = _acknowledgements(batch, webhook, services, sender, recorded_by)
    outcomes = (yield RecordAlerts(batch.ends, webhook, events=events)) if batch.ends or events else ()
    for error in batch.unreadable:
        services.counters.failure(webhook.source, error.reason.value)
    services.counters.received(webhook.source, webhook.received_at)
    return Receipt(EventsReceipt(incidents=TouchedIncident.of(outcomes), events=batch.total, repeated=0))


def _acknowledgements(
    batch: RecordedEvents, webhook: ReceivedWebhook, services: Services, sender: str, recorded_by: str | None
) -> tuple[tuple[int, Event], ...]:
    """Return what the silences acknowledge; this needs a read of the store."""
    people, now = services.sources.people, webhook.received_at
    if not batch.silences or people is None:
        return ()
    incidents = services.store.read(recent_episodes, now - RECENT)
    source = named_source(Source.ALERTMANAGER.value, sender)
    return tuple(acknowledgements(batch.silences, incidents, people, now, source=source, recorded_by=recorded_by))
