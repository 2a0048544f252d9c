"""Record and count events by the sender's own keys."""

from dataclasses import replace

from service.domain.events import ReceivedWebhook
from service.domain.senders import named_alias
from service.intake.keyed_events import KeyedEvents
from service.intake.reasons import Failure
from service.recorder.commands import RecordEvents, Refused
from service.web.receipts import Receipt, Reception
from service.web.schemas import EventsReceipt, TouchedIncident
from service.web.services import Services


def record_keyed_events(
    parsed: KeyedEvents, webhook: ReceivedWebhook, services: Services, sender: str, recorded_by: str | None
) -> Reception:
    """Record events and return the receipt.

    `sender` is that of the alerts of which the events' incidents may be. Raises Refused; if the source stops sending
    after a 4xx (`SenderProfile.stops_after_4xx`), it is counted instead, and 202 means that nothing was recorded.
    """
    stops_after_4xx = services.sources.profiles[webhook.source].stops_after_4xx
    try:
        outcomes = (yield _command(parsed, webhook, sender, recorded_by)) if parsed.events else ()
    except Refused:
        if not stops_after_4xx:
            raise
        services.counters.failure(webhook.source, Failure.CONFLICT.value)
        outcomes = ()
    for error in parsed.unreadable:
        services.counters.failure(webhook.source, error.reason.value)
    services.counters.received(webhook.source, webhook.received_at)
    content = EventsReceipt(
        incidents=TouchedIncident.of(outcomes),
        events=len(outcomes),
        repeated=sum(not outcome.created for outcome in outcomes),
    )
    return Receipt(content, 202 if stops_after_4xx and not outcomes else 200)


def _command(parsed: KeyedEvents, webhook: ReceivedWebhook, sender: str, recorded_by: str | None) -> RecordEvents:
    events = (
        replace(
            keyed,
            event=replace(keyed.event, recorded_by=recorded_by),
            aliases=tuple(named_alias(alias, sender) for alias in keyed.aliases),
        )
        for keyed in parsed.events
    )
    return RecordEvents(tuple(events), webhook)
