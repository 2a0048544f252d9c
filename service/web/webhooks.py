"""The webhooks of all sources: one table, and one way to authenticate, parse and record what is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Request, Response, request
from pydantic import BaseModel, RootModel

from service.domain.events import ReceivedWebhook
from service.intake import alertmanager, alertmanager_events, cdevents, declared, grafana, lifecycle, pagerduty
from service.intake.alertmanager_events import RecordedEvents
from service.intake.declaration import SourceDeclaration, UnreadableField
from service.intake.keyed_events import KeyedEvents
from service.intake.notifications import Notification
from service.intake.sources import PROFILES, SenderProfile, Source, webhook_path
from service.settings.tokens import Token
from service.web.alertmanager_events import record_recorded_events
from service.web.edge import Edge, body_of
from service.web.keyed_events import record_keyed_events
from service.web.notifications import NewSeverities, record_notification
from service.web.receipts import Reception, complete
from service.web.responses import json_response
from service.web.senders import sender_of_webhook
from service.web.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRoute:
    """How the bodies of one source are parsed, and what the API's document says about them.

    `parse` takes a body, the services, the time of receipt, and the name of an independent sender (else empty). It
    raises only PayloadError. `model` is that of the body, or of each of its parts if it may be an array. `reads_store`:
    it may ask the store before it records.
    """

    source: str
    summary: str
    profile: SenderProfile
    model: type[BaseModel]
    parse: Callable[[bytes, Services, datetime, str], Notification | KeyedEvents | RecordedEvents]
    or_array: bool = False
    reads_store: bool = False
    methods: tuple[str, ...] = ("post",)

    @property
    def path(self) -> str:
        """The address."""
        return webhook_path(self.source)


class CDEventsPayload(RootModel[cdevents.CDEvent | cdevents.StructuredCloudEvent]):
    """A CDEvent, or a CloudEvent with one."""


WEBHOOKS = (
    WebhookRoute(
        source=Source.ALERTMANAGER,
        profile=PROFILES[Source.ALERTMANAGER],
        summary="Take in a notification of Alertmanager (webhook version 4)",
        model=alertmanager.Payload,
        parse=lambda body, services, now, sender: alertmanager.parse(body, services.alerts, now, sender),
    ),
    WebhookRoute(
        source=Source.GRAFANA,
        profile=PROFILES[Source.GRAFANA],
        summary="Take in a notification of Grafana-managed alerts (webhook version 1)",
        model=grafana.GrafanaPayload,
        parse=lambda body, services, now, sender: grafana.parse(body, services.alerts, now, sender),
        methods=("post", "put"),
    ),
    WebhookRoute(
        source=Source.LIFECYCLE,
        profile=PROFILES[Source.LIFECYCLE],
        summary="Take in one lifecycle event, or an array of them, by the sender's own incident key",
        model=lifecycle.LifecycleEvent,
        parse=lambda body, services, now, _: lifecycle.parse(body, services.events, now),
        or_array=True,
    ),
    WebhookRoute(
        source=Source.PAGERDUTY,
        profile=PROFILES[Source.PAGERDUTY],
        summary="Take in an event of PagerDuty (webhook version 3)",
        model=pagerduty.PagerDutyPayload,
        parse=lambda body, services, now, _: pagerduty.parse(body, services.sources.priorities, now),
    ),
    WebhookRoute(
        source=Source.CDEVENTS,
        profile=PROFILES[Source.CDEVENTS],
        summary="Take in a CDEvent about an incident, as a CloudEvent in binary or structured mode",
        model=CDEventsPayload,
        parse=lambda body, services, now, _: cdevents.parse(body, services.sources.resolved_cdevent, now),
    ),
    WebhookRoute(
        source=Source.ALERTMANAGER_EVENTS,
        profile=PROFILES[Source.ALERTMANAGER_EVENTS],
        summary="Take in events of Alertmanager's event recorder, one or an array of them",
        model=alertmanager_events.RecorderEvent,
        parse=lambda body, services, now, sender: alertmanager_events.parse(
            body, now, services.alerts.max_alerts, sender
        ),
        or_array=True,
        reads_store=True,
    ),
)


class DeclaredPayload(RootModel[dict[str, Any]]):
    """A body of a declared source: any JSON object, read as its declaration says."""


def declared_webhook(declaration: SourceDeclaration) -> WebhookRoute:
    """Return the row of a declared source. What its parser cannot read is counted by the declaration's field."""

    def parse(body: bytes, services: Services, now: datetime, sender: str) -> Notification | KeyedEvents:
        try:
            parsed = declared.parse(body, declaration, services.alerts, now, sender)
        except UnreadableField as error:
            services.counters.unreadable(declaration.source, error.field)
            raise
        for field in parsed.unreadable:
            services.counters.unreadable(declaration.source, field)
        return parsed.content

    return WebhookRoute(
        source=declaration.source,
        summary=declaration.summary,
        profile=declaration.profile,
        model=DeclaredPayload,
        parse=parse,
    )


def webhooks_of(services: Services) -> tuple[WebhookRoute, ...]:
    """Return the rows of all sources."""
    return (*WEBHOOKS, *(declared_webhook(declaration) for declaration in services.sources.declared))


class Webhook:
    """Receives the webhooks of one source."""

    def __init__(self, route: WebhookRoute, services: Services, edge: Edge) -> None:
        self.route = route
        self._services = services
        self._edge = edge
        self._severities = NewSeverities()

    def receive(self, request: Request, token: Token | None, body: bytes) -> Reception:
        """Check the signature, if the source signs, parse the body and record it. `request` is an admitted one.

        Raises Denied, PayloadError, or Refused.
        """
        services, now = self._services, self._services.clock()
        self._edge.verify(request, self.route.source, body, now)
        sender, recorded_by = sender_of_webhook(request, token), token.name if token else None
        parsed = self.route.parse(body, services, now, sender)
        received = ReceivedWebhook(str(self.route.source), body, now)
        match parsed:
            case Notification():
                return record_notification(parsed, received, services, self._severities)
            case KeyedEvents():
                return record_keyed_events(parsed, received, services, sender, recorded_by)
            case RecordedEvents():
                return record_recorded_events(parsed, received, services, sender, recorded_by)


def blueprint(webhook: Webhook, services: Services, edge: Edge) -> Blueprint:
    """Return the route of a webhook. The blueprint's name is the source under which its requests are counted."""
    bp = Blueprint(str(webhook.route.source), __name__)

    @bp.route(webhook.route.path, methods=webhook.route.methods, strict_slashes=False)
    def receive() -> Response:
        token = edge.admit(request, webhook.route.source)
        reception = webhook.receive(request, token, body_of(request, services.max_bytes))
        receipt = complete(reception, services.recorder.submit)
        return json_response(receipt.content, receipt.status)

    return bp
