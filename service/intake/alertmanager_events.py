"""What Alertmanager's event recorder sends (0.33 and later, one event or an array) into ends and silences.

Source of the format: prometheus/alertmanager `eventrecorder/eventrecorderpb/eventrecorder.proto`, as protobuf's JSON.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from service.domain.events import Alert, Observation
from service.domain.policy import Severity
from service.domain.senders import named_source
from service.domain.silences import Matcher, Silence, made_at
from service.intake.alertmanager import UNNAMED
from service.intake.reasons import Failure, Source
from service.intake.wire import CLOCK_SKEW, PayloadError, checked, instant, invalid, read_json_in_parts

T = TypeVar("T")
NO_GROUP = ""
"""The group key of an end: it ends the firing in whatever groups that was seen, and puts it into no other."""
_TYPES = {
    "TYPE_EQUAL": (False, True),
    "TYPE_NOT_EQUAL": (False, False),
    "TYPE_REGEXP": (True, True),
    "TYPE_NOT_REGEXP": (True, False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one body says. `unreadable` has the errors of events that would be of interest; the others count."""

    total: int
    ends: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    unreadable: tuple[PayloadError, ...] = ()


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True)


class RecorderEvent(_Wire):
    """One event; `data` has one key, which names what happened."""

    data: dict[str, Any]


class _Pair(_Wire):
    key: str
    value: str = ""


class _Labels(_Wire):
    labels: list[_Pair] = []

    def mapping(self) -> dict[str, str]:
        return {pair.key: pair.value for pair in self.labels}


class _Details(_Wire):
    fingerprint: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    labels: _Labels = _Labels()
    ends_at: str = Field(alias="endsAt")


class _Grouped(_Wire):
    details: _Details


class _Resolved(_Wire):
    alert: _Grouped


class _Matcher(_Wire):
    type: Literal["TYPE_EQUAL", "TYPE_NOT_EQUAL", "TYPE_REGEXP", "TYPE_NOT_REGEXP"]
    name: str
    pattern: str = ""


class _Matchers(_Wire):
    matchers: list[_Matcher] = []


class _Silence(_Matchers):
    id: Annotated[str, Field(min_length=1, max_length=100)]
    starts_at: str = Field(alias="startsAt")
    updated_at: str = Field(alias="updatedAt")
    created_by: str = Field(default="", alias="createdBy")
    sets: list[_Matchers] = Field(default=[], alias="matcherSets")


class _Silenced(_Wire):
    silence: _Silence


_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_ARRAY: TypeAdapter[list[Any]] = TypeAdapter(list[Any])
_SILENCES = ("silenceCreated", "silenceUpdated", "silenceMutedAlert")


def parse(body: bytes, now: datetime, most_events: int = 1000, sender: str = "") -> Told:
    """Read one event or an array of them. Raises PayloadError where there is none.

    `sender` as in `alertmanager.parse`. An event that cannot be read costs none of the others: Alertmanager drops a
    batch that is refused.
    """
    values = _values(body)
    if len(values) > most_events:
        raise PayloadError(Failure.TOO_LARGE, f"The array has more than {most_events} events; set batch_max_events.")
    unreadable: list[PayloadError] = []
    events = list(_readable(iter(values), lambda value: _event(*value), unreadable))
    if values and not events:
        raise unreadable[0]
    ends = tuple(_readable(_resolved(events), lambda told: _end(told, now, sender), unreadable))
    silences = {s.id: s for s in _readable(_silenced(events), lambda told: _silence(told, now), unreadable)}
    return Told(total=len(values), ends=ends, silences=tuple(silences.values()), unreadable=tuple(unreadable))


def _values(body: bytes) -> list[tuple[Any, tuple[int, ...]]]:
    """Return what a body holds, each with the path that leads to it."""
    if body.lstrip()[:1] != b"[":
        return [(read_json_in_parts(_ANY, body), ())]
    values = read_json_in_parts(_ARRAY, body)
    return [(value, (index,)) for index, value in enumerate(values)]


def _event(value: Any, path: tuple[int, ...]) -> RecorderEvent:
    event: RecorderEvent = checked(RecorderEvent, value, *path)
    return event


def _readable(told: Iterator[Any], read: Callable[[Any], T], unreadable: list[PayloadError]) -> Iterator[T]:
    for one in told:
        try:
            yield read(one)
        except PayloadError as error:
            unreadable.append(error)


def _resolved(events: Sequence[RecorderEvent]) -> Iterator[Any]:
    return (event.data["alertResolved"] for event in events if "alertResolved" in event.data)


def _silenced(events: Sequence[RecorderEvent]) -> Iterator[Any]:
    return (event.data[kind] for event in events for kind in _SILENCES if kind in event.data)


def _end(told: Any, now: datetime, sender: str) -> Alert:
    """Return the end of a firing. Its start is not taken: an alert that nobody was notified of is no incident."""
    read: _Resolved = checked(_Resolved, told, "alertResolved")
    details = read.alert.details
    at = instant(details.ends_at, now, CLOCK_SKEW, "alertResolved", "alert", "details", "endsAt")
    number = int(details.fingerprint)
    if number >= 2**64:
        raise invalid("is no 64-bit number", "alertResolved", "alert", "details", "fingerprint")
    labels = details.labels.mapping()
    return Alert(
        observation=Observation(
            source=named_source(Source.ALERTMANAGER.value, sender),
            fingerprint=f"{number:016x}",
            group_key=NO_GROUP,
            starts_at=at,
            ends_at=at,
        ),
        name=labels.get("alertname") or UNNAMED,
        severity=Severity.SEV_4,  # of a firing that is known already; its own counts
        labels=labels,
        annotations={},
    )


def _silence(told: Any, now: datetime) -> Silence:
    read: _Silence = checked(_Silenced, told, "silence").silence
    updated_at = instant(read.updated_at, now, CLOCK_SKEW, "silence", "updatedAt")
    starts_at = _planned(read.starts_at, updated_at, now)
    sets = read.sets or [_Matchers(matchers=read.matchers)]
    return Silence(
        id=read.id,
        made_at=made_at(starts_at, updated_at).astimezone(UTC),
        author=read.created_by,
        sets=tuple(tuple(Matcher(m.name, m.pattern, *_TYPES[m.type]) for m in one.matchers) for one in sets),
    )


def _planned(starts_at: str, updated_at: datetime, now: datetime) -> datetime:
    """Read when a silence starts; one that is planned was made when it was written."""
    try:
        return instant(starts_at, now, CLOCK_SKEW, "silence", "startsAt")
    except PayloadError as error:
        if error.reason is Failure.FUTURE:
            return updated_at
        raise
