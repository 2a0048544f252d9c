"""Parse CDEvents about incidents (cdevents.dev, any version 0.x); docs/sources/cdevents.md describes it for operators.

They come as CloudEvents: in binary mode the body is the CDEvent, in structured mode it is inside an envelope. The
headers of binary mode repeat what the CDEvent says and are not read. Only the fields that are used are required.
"""

import re
from base64 import b64decode
from binascii import Error
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from service.domain.events import INCIDENT_KEY, Event, EventKind, KeyedEvent
from service.intake.keyed_events import KeyedEvents
from service.intake.sources import Source
from service.intake.times import read_instant
from service.intake.wire import WireModel, checked, invalid, read_json

LONGEST_TITLE = 500
LONGEST_SOURCE = 300
_TYPE = re.compile(r"dev\.cdevents\.(?P<subject>[a-z]+)\.(?P<predicate>[a-z]+)(?:\..*)?", re.ASCII)
_DETECTED = ("detected", "reported")


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _object_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


OptionalText = Annotated[str | None, BeforeValidator(_text_or_none)]


class CDEventContext(WireModel):
    """What happened, when, and who says so. The id is not needed: the same event gives the same one here."""

    type: str
    timestamp: str
    source: OptionalText = None


class CDEventSubject(WireModel):
    """The incident. Its `source` is that of the context if it has none."""

    id: Annotated[str, Field(min_length=1, max_length=150)]
    source: OptionalText = None
    content: Annotated[dict[str, Any], BeforeValidator(_object_or_empty)] = Field(default={})


class CDEvent(WireModel):
    """One event, alone or as the `data` of a CloudEvent."""

    context: CDEventContext
    subject: CDEventSubject


class StructuredCloudEvent(WireModel):
    """A CloudEvent in structured mode."""

    data: CDEvent


class _Context(WireModel):
    context: CDEventContext


_BODY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def parse(body: bytes, resolved_means: EventKind, now: datetime) -> KeyedEvents:
    """Parse one event; what is not about an incident gives none. Raises PayloadError.

    `resolved_means` is RESOLVED or ACKNOWLEDGED, since the specification leaves it open.
    """
    data, path = _data(read_json(_BODY, body))
    context = checked(_Context, data, *path).context
    match = _TYPE.fullmatch(context.type)
    if match is None:
        raise invalid(
            "is not a type of CDEvents, such as dev.cdevents.incident.detected.0.3.0", *path, "context", "type"
        )
    kind = EventKind.DETECTED if match["predicate"] in _DETECTED else resolved_means
    if match["subject"] != "incident" or match["predicate"] not in (*_DETECTED, "resolved"):
        return KeyedEvents()
    subject = checked(CDEvent, data, *path).subject
    key = f"{subject.id}@{(subject.source or context.source or '')[:LONGEST_SOURCE]}"
    at = read_instant(context.timestamp, None, now, *path, "context", "timestamp")
    event = Event(
        event_id=f"cdevents-{key}-{kind.value}-{int(at.timestamp() * 1000)}",
        kind=kind,
        occurred_at=at,
        recorded_at=now,
        source=Source.CDEVENTS.value,
        title=_title(subject.content) if kind is EventKind.DETECTED else None,
        labels=dict(_labels(subject.content)),
        data={INCIDENT_KEY: key} | ({} if kind is EventKind.DETECTED else {"automated": True}),
    )
    return KeyedEvents((KeyedEvent(key, event),))


def _data(body: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the CDEvent in a body, and the path to it."""
    if "context" in body:
        return body, ()
    if isinstance(encoded := body.get("data_base64"), str):
        try:
            return read_json(_BODY, b64decode(encoded, validate=True)), ("data_base64",)
        except (Error, ValueError):
            raise invalid("is not Base64", "data_base64") from None
    if not isinstance(data := body.get("data"), dict):
        raise invalid("is missing: neither a CDEvent nor a CloudEvent with one", "context")
    return data, ("data",)


def _title(content: dict[str, Any]) -> str | None:
    description = content.get("description")
    return description.strip()[:LONGEST_TITLE] or None if isinstance(description, str) else None


def _labels(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the environment, the service and the ticket, as far as they are named."""
    named = [(name, _object_or_empty(content.get(name)).get("id")) for name in ("environment", "service")]
    named.append(("ticket", content.get("ticketURI")))
    return [(name, value[:4096]) for name, value in named if isinstance(value, str) and value]
