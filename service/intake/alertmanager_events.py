"""Parse the events of Alertmanager's event recorder (0.33 and later, one or an array) into ends and silences.

Source of the format: prometheus/alertmanager `eventrecorder/eventrecorderpb/eventrecorder.proto`, as protobuf's JSON.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from service.domain.events import Alert
from service.domain.policy import Severity
from service.domain.silences import Matcher, Silence, made_at
from service.intake.alerts import UNNAMED, Sender
from service.intake.reasons import Failure
from service.intake.sources import Source
from service.intake.wire import PayloadError, WireModel, checked, instant, invalid, read_json_in_parts

_TYPES = {
    "TYPE_EQUAL": (False, True),
    "TYPE_NOT_EQUAL": (False, False),
    "TYPE_REGEXP": (True, True),
    "TYPE_NOT_REGEXP": (True, False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvents:
    """The content of one body. `unreadable` has the errors of relevant events that are invalid."""

    total: int
    ends: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    unreadable: tuple[PayloadError, ...] = ()


class RecorderEvent(WireModel):
    """One event; `data` has one key, which names the event type."""

    data: dict[str, Any]


class _Pair(WireModel):
    key: str
    value: str = ""


class _Labels(WireModel):
    labels: list[_Pair] = Field(default=[])

    def mapping(self) -> dict[str, str]:
        return {pair.key: pair.value for pair in self.labels}


class _Details(WireModel):
    fingerprint: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    labels: _Labels = _Labels()
    ends_at: str = Field(alias="endsAt")


class _Grouped(WireModel):
    details: _Details


class _Resolved(WireModel):
    alert: _Grouped


class _Matcher(WireModel):
    type: Literal["TYPE_EQUAL", "TYPE_NOT_EQUAL", "TYPE_REGEXP", "TYPE_NOT_REGEXP"]
    name: str
    pattern: str = ""


class _Matchers(WireModel):
    matchers: list[_Matcher] = Field(default=[])


class _Silence(_Matchers):
    id: Annotated[str, Field(min_length=1, max_length=100)]
    starts_at: str = Field(alias="startsAt")
    updated_at: str = Field(alias="updatedAt")
    created_by: str = Field(default="", alias="createdBy")
    sets: list[_Matchers] = Field(default=[], alias="matcherSets")


class _Silenced(WireModel):
    silence: _Silence


_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_ARRAY: TypeAdapter[list[Any]] = TypeAdapter(list[Any])
_SILENCES = ("silenceCreated", "silenceUpdated", "silenceMutedAlert")


def parse(body: bytes, now: datetime, max_events: int = 1000, sender: str = "") -> RecordedEvents:
    """Parse one event or an array of them. Raises PayloadError if the body has no event.

    `sender` as in `alertmanager.parse`. An invalid event does not affect the others, since Alertmanager drops a
    rejected batch.
    """
    is_array = body.lstrip()[:1] == b"["
    values = read_json_in_parts(_ARRAY, body) if is_array else [read_json_in_parts(_ANY, body)]
    if len(values) > max_events:
        raise PayloadError(Failure.TOO_LARGE, f"The array has more than {max_events} events; set batch_max_events.")
    origin = Sender(Source.ALERTMANAGER_EVENTS, name=sender)
    events, contents, unreadable = 0, [], []
    for index, value in enumerate(values):
        try:
            event = checked(RecorderEvent, value, *((index,) if is_array else ()))
            events += 1
            contents.append(_content(event, now, origin))
        except PayloadError as error:
            unreadable.append(error)
    if values and not events:
        raise unreadable[0]
    return RecordedEvents(
        total=len(values),
        ends=tuple(content for content in contents if isinstance(content, Alert)),
        silences=tuple({content.id: content for content in contents if isinstance(content, Silence)}.values()),
        unreadable=tuple(unreadable),
    )


def _content(event: RecorderEvent, now: datetime, sender: Sender) -> Alert | Silence | None:
    for kind, value in event.data.items():
        if kind == "alertResolved":
            return _end(value, now, sender)
        if kind in _SILENCES:
            return _silence(value, now)
    return None


def _end(value: Any, now: datetime, sender: Sender) -> Alert:
    """Return the end of an episode. Its start is not used: an alert without a notification is not an incident."""
    resolved = checked(_Resolved, value, "alertResolved")
    details = resolved.alert.details
    at = instant(details.ends_at, now, "alertResolved", "alert", "details", "endsAt")
    number = int(details.fingerprint)
    if number >= 2**64:
        raise invalid("is no 64-bit number", "alertResolved", "alert", "details", "fingerprint")
    labels = details.labels.mapping()
    return Alert(
        observation=sender.observation(f"{number:016x}", at, at),
        name=labels.get("alertname") or UNNAMED,
        severity=Severity.SEV_4,  # placeholder: the severity of the recorded episode counts
        labels=labels,
        annotations={},
    )


def _silence(value: Any, now: datetime) -> Silence:
    silence = checked(_Silenced, value, "silence").silence
    updated_at = instant(silence.updated_at, now, "silence", "updatedAt")
    starts_at = _planned(silence.starts_at, updated_at, now)
    sets = silence.sets or [_Matchers(matchers=silence.matchers)]
    return Silence(
        id=silence.id,
        made_at=made_at(starts_at, updated_at).astimezone(UTC),
        author=silence.created_by,
        sets=tuple(
            tuple(Matcher(m.name, m.pattern, *_TYPES[m.type]) for m in matcher_set.matchers) for matcher_set in sets
        ),
    )


def _planned(starts_at: str, updated_at: datetime, now: datetime) -> datetime:
    """Parse the start of a silence; a planned one was created when it was last written."""
    try:
        return instant(starts_at, now, "silence", "startsAt")
    except PayloadError as error:
        if error.reason is Failure.FUTURE:
            return updated_at
        raise
