"""Parse reports of people and systems in this service's own JSON into events, for the API and the webhook."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, TypeAdapter

from service.domain.events import Event, EventKind, KeyedEvent
from service.domain.policy import Domain, IncidentType, Severity
from service.intake.alerts import shared_name
from service.intake.event_data import ShortText, check_data
from service.intake.keyed_events import KeyedEvents
from service.intake.reasons import Failure
from service.intake.sources import Source
from service.intake.wire import PayloadError, WireModel, instant, invalid, read_json

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Title = Annotated[str, Field(min_length=1, max_length=500)]
Labels = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=200)], Annotated[str, Field(max_length=4096)]],
    Field(max_length=64),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventParseOptions:
    """How to parse events: `zone` applies to dates without a time, `new_id` returns an id for events without one.

    The value of `correlation_label` identifies an incident across all sources.
    """

    zone: ZoneInfo
    new_id: Callable[[], str]
    max_events: int = 1000
    correlation_label: str | None = None


class _About(WireModel):
    model_config = ConfigDict(str_strip_whitespace=True)

    title: Title | None = None
    severity: Severity | None = None
    types: list[IncidentType] = Field(default=[])
    domains: list[Domain] = Field(default=[])
    labels: Labels = Field(default={})


class EventBody(_About):
    """One event of an incident. `occurred_at` defaults to now; a repeated `event_id` changes nothing."""

    kind: EventKind
    occurred_at: Time | None = None
    event_id: ShortText | None = None
    data: dict[str, Any] = Field(default={})


class LifecycleEvent(EventBody):
    """One event of the incident with the sender's `incident_key`; an unknown key opens an incident."""

    incident_key: ShortText


class OpenBody(_About):
    """An incident that a person opens. `detected_at` defaults to now; `started_at` is never guessed."""

    title: Title
    started_at: Time | None = None
    detected_at: Time | None = None
    event_id: ShortText | None = None


_SINGLE: TypeAdapter[LifecycleEvent] = TypeAdapter(LifecycleEvent)
_MANY: TypeAdapter[list[LifecycleEvent]] = TypeAdapter(Annotated[list[LifecycleEvent], Field(min_length=1)])
_EVENT: TypeAdapter[EventBody] = TypeAdapter(EventBody)
_OPENING: TypeAdapter[OpenBody] = TypeAdapter(OpenBody)


def parse(body: bytes, options: EventParseOptions, now: datetime) -> KeyedEvents:
    """Parse one event or an array of them, each with its incident key; all or none. Raises PayloadError."""
    if body.lstrip()[:1] != b"[":
        return KeyedEvents((_keyed(read_json(_SINGLE, body), options, now),))
    events = read_json(_MANY, body)
    if len(events) > options.max_events:
        detail = f"The array holds {len(events)} events, more than {options.max_events}; send them in several."
        raise PayloadError(Failure.TOO_LARGE, detail)
    return KeyedEvents(tuple(_keyed(event, options, now, index) for index, event in enumerate(events)))


def parse_event(body: bytes, options: EventParseOptions, now: datetime) -> Event:
    """Parse one event of an incident that the request names. Raises PayloadError."""
    return _event(read_json(_EVENT, body), options, now, Source.API, "")


def parse_opening(body: bytes, options: EventParseOptions, now: datetime) -> tuple[Event, ...]:
    """Parse an incident that a person opens into its first events: detected, and started if known.

    A repeat is recognized by the `event_id` of the first. Raises PayloadError.
    """
    opening = read_json(_OPENING, body)
    event_id = opening.event_id or options.new_id()
    detected = Event(
        event_id=event_id,
        kind=EventKind.DETECTED,
        occurred_at=_at(opening.detected_at, now, "detected_at"),
        recorded_at=now,
        source=Source.API.value,
        title=opening.title,
        severity=opening.severity,
        types=tuple(opening.types),
        domains=tuple(opening.domains),
        labels=opening.labels,
    )
    if opening.started_at is None:
        return (detected,)
    started = Event(
        event_id=f"{event_id}:started",
        kind=EventKind.STARTED,
        occurred_at=_at(opening.started_at, now, "started_at"),
        recorded_at=now,
        source=Source.API.value,
    )
    return (detected, started)


def _keyed(body: LifecycleEvent, options: EventParseOptions, now: datetime, *path: int) -> KeyedEvent:
    event = _event(body, options, now, Source.LIFECYCLE, body.incident_key, *path)
    return KeyedEvent(body.incident_key, event, shared_name(event.labels, options.correlation_label))


def _event(body: EventBody, options: EventParseOptions, now: datetime, source: Source, scope: str, *path: int) -> Event:
    if body.kind is EventKind.SEVERITY_CHANGED and body.severity is None:
        raise invalid("is missing: which severity is it now?", *path, "severity")
    if body.kind is EventKind.DESCRIBED and not (body.title or body.types or body.domains or body.labels):
        raise invalid("needs a title, types, domains or labels: what is it to say?", *path)
    data = check_data(body.kind, body.data, options.zone, *path, "data")
    if body.kind is EventKind.CORRECTED and "occurred_at" in data:
        right = instant(data["occurred_at"], now, *path, "data", "occurred_at")
        data["occurred_at"] = right.isoformat()
    return Event(
        event_id=body.event_id or _event_id(body, options, scope),
        kind=body.kind,
        occurred_at=_at(body.occurred_at, now, *path, "occurred_at"),
        recorded_at=now,
        source=source.value,
        title=body.title,
        severity=body.severity,
        types=tuple(body.types),
        domains=tuple(body.domains),
        labels=body.labels,
        data=data,
        untimed=body.kind is EventKind.RESOLVED and body.occurred_at is None and not data.get("automated"),
    )


def _at(text: str | None, now: datetime, *path: str | int) -> datetime:
    return now if text is None else instant(text, now, *path)


def _event_id(body: EventBody, options: EventParseOptions, scope: str) -> str:
    """Return the id of an event without one: the same content at the same explicit time gives the same id.

    Without an explicit time it is a new event, since the sender meant now.
    """
    if body.occurred_at is None:
        return options.new_id()
    content = f"{scope}\n{body.model_dump_json(exclude={'event_id'})}"
    return hashlib.sha256(content.encode()).hexdigest()[:32]
