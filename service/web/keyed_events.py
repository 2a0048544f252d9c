"""Record, count and answer events by the sender's own keys."""

from dataclasses import replace

from flask import Response

from service.domain.events import ReceivedWebhook
from service.domain.senders import named_alias
from service.intake.keyed_events import KeyedEvents
from service.intake.reasons import Failure
from service.recorder.commands import Outcome, RecordEvents, Refused
from service.web.edge import attributed
from service.web.responses import json_response
from service.web.schemas import EventsReceipt, TouchedIncident
from service.web.services import Services


def record_keyed_events(parsed: KeyedEvents, webhook: ReceivedWebhook, services: Services, sender: str) -> Response:
    """Record events and return the response.

    `sender` is that of the alerts of which the events' incidents may be. Raises Refused; if the source stops sending
    after a 4xx (`SenderProfile.stops_after_4xx`), it is counted instead, and 202 means that nothing was recorded.
    """
    stops_after_4xx = services.sources.profiles[webhook.source].stops_after_4xx
    try:
        outcomes = _submitted(parsed, webhook, services, sender)
    except Refused:
        if not stops_after_4xx:
            raise
        services.counters.failure(webhook.source, Failure.CONFLICT.value)
        outcomes = ()
    for error in parsed.unreadable:
        services.counters.failure(webhook.source, error.reason.value)
    services.counters.received(webhook.source, webhook.received_at)
    receipt = EventsReceipt(
        incidents=TouchedIncident.of(outcomes),
        events=len(outcomes),
        repeated=sum(not outcome.created for outcome in outcomes),
    )
    return json_response(receipt, 202 if stops_after_4xx and not outcomes else 200)


def _submitted(parsed: KeyedEvents, webhook: ReceivedWebhook, services: Services, sender: str) -> tuple[Outcome, ...]:
    events = tuple(
        replace(
            keyed, event=attributed(keyed.event), aliases=tuple(named_alias(alias, sender) for alias in keyed.aliases)
        )
        for keyed in parsed.events
    )
    return services.recorder.submit(RecordEvents(events, webhook)) if events else ()
