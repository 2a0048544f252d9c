"""The webhook of PagerDuty, which drops events answered 4xx, and sends nothing for a day after three of those.

Once the sender is verified as PagerDuty, only transient failures are errors (docs/sources/pagerduty.md).
"""

from flask import Blueprint, Response, request

from service.domain.senders import named_alias
from service.intake.pagerduty import Message, WireEvent, read_envelope, read_message
from service.intake.reasons import Failure, Source
from service.intake.signatures import check_pagerduty
from service.intake.wire import PayloadError
from service.recorder.commands import Delivery, KeyedEvent, Outcome, RecordEvents, Refused
from service.web.edge import attributed, received, received_signed
from service.web.schemas import EventsReceipt, TouchedIncident
from service.web.senders import sender_of_webhook
from service.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """Return the webhook of PagerDuty."""
    bp = Blueprint(Source.PAGERDUTY.value, __name__)
    signing = services.sources.pagerduty_signing

    @bp.post("/webhooks/pagerduty", strict_slashes=False)
    def take_event() -> Response:
        services.counters.request(bp.name)
        if signing is None:
            body = received(request, services, "ingest")
        else:
            body = received_signed(
                request, services, signing, lambda body, header: check_pagerduty(body, header, signing)
            )
        now, sender = services.clock(), sender_of_webhook(request)
        envelope = read_envelope(body)
        services.counters.received(bp.name, now)
        return _answer(*_recorded(envelope, Delivery(bp.name, body, now), services, sender))

    return bp


def _recorded(
    envelope: WireEvent, delivery: Delivery, services: Services, sender: str
) -> tuple[Message | None, tuple[Outcome, ...]]:
    """Record a PagerDuty event; return None if it can never be recorded, which is counted but not an error.

    `sender` is the sender of the alerts that PagerDuty was notified of.
    """
    try:
        message = read_message(envelope, services.sources.pagerduty, delivery.received_at)
        aliases = tuple(named_alias(alias, sender) for alias in message.aliases)
        events = tuple(KeyedEvent(message.incident_key, attributed(event), aliases) for event in message.events)
        return message, services.recorder.submit(RecordEvents(events, delivery)) if events else ()
    except PayloadError as error:
        services.counters.failure(delivery.source, error.reason.value)
    except Refused:
        services.counters.failure(delivery.source, Failure.CONFLICT.value)
    return None, ()


def _answer(message: Message | None, outcomes: tuple[Outcome, ...]) -> Response:
    """Return 200 if something was recorded, 202 if the event was only accepted."""
    receipt = EventsReceipt(
        incidents=TouchedIncident.of(outcomes),
        events=len(outcomes),
        repeated=sum(not outcome.created for outcome in outcomes),
    )
    status = 200 if message is not None and message.events else 202
    return Response(receipt.model_dump_json(), status, mimetype="application/json")
