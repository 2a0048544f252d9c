"""From a line in our own columns to the events of one incident, as docs/history.md describes."""

import re
from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from service.domain.checks import Check, CheckState
from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind, Role
from service.domain.incident import Incident, fold
from service.domain.indicators import measure
from service.domain.policy import Domain, IncidentType, Severity
from service.domain.recovery import ResolutionSource
from service.history.importing import cells
from service.history.importing.actions import read_actions
from service.history.importing.columns import COLUMNS, label_of
from service.history.importing.imported import (
    ImportedIncident,
    ImportOptions,
    PostmortemDue,
    Record,
    Unresolved,
    column_error,
)
from service.history.importing.times import read_durations, read_times
from service.intake.sources import Source

_RESERVED = {"alias", "mttx", "prometheus", "reconciled"}
_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_ACTORS = {
    **{source.value: source for source in ResolutionSource if source is not ResolutionSource.STALE},
    "person": ResolutionSource.HUMAN,
    "user": ResolutionSource.HUMAN,
    "alert": ResolutionSource.ALERTS,
    "monitoring": ResolutionSource.ALERTS,
    **dict.fromkeys(
        ("auto", "automated", "automatic", "bot", "service", "system", "workflow"), ResolutionSource.AUTOMATION
    ),
}
_E = TypeVar("_E", bound=StrEnum)


def read_row(record: Record, aliases: tuple[str, ...], options: ImportOptions, now: datetime) -> ImportedIncident:
    """Read one incident. Raises PayloadError, with the column that is wrong and what to change."""
    return _Row(record, aliases, options, now).incident()


class _Row:
    """One line while it is read."""

    def __init__(self, record: Record, aliases: tuple[str, ...], options: ImportOptions, now: datetime) -> None:
        self._where = record.where
        self._fields = record.fields
        self._aliases = aliases
        self._options = options
        self._now = now
        self._warnings: list[str] = []
        self._source = self._read_source()
        self._key = cells.text(record.fields, "key", 150)
        if not self._key:
            raise column_error("key", "is missing; map the column with the id of the incident: --map YOURS=key")
        self._merged_into = cells.text(record.fields, "merged_into", 150)
        if self._merged_into == self._key:
            raise column_error("merged_into", "is the incident's own key; give that of the other incident")
        self._times = self._read_times()

    def incident(self) -> ImportedIncident:
        events = tuple(self._events())
        incident = fold(0, events, (), self._options.policy, self._now)
        negative = measure(incident, self._options.policy).invalid
        self._warnings += [f"{indicator.value} is negative and gives no sample" for indicator in negative]
        return ImportedIncident(
            where=self._where,
            source=self._source,
            key=self._key,
            events=events,
            initial_events=tuple(self._initial_events(incident)),
            aliases=self._aliases,
            warnings=tuple(dict.fromkeys(self._warnings)),
            merged_into=self._merged_into,
        )

    # -- what the line says ------------------------------------------------------------------------------------------

    def _read_source(self) -> str:
        source = cells.text(self._fields, "source", 32) or self._options.source
        if not _SOURCE.fullmatch(source) or source in _RESERVED:
            raise column_error("source", "should be lower case letters, digits and _, and not a reserved name")
        return source

    def _read_times(self) -> dict[EventKind, datetime]:
        times = {
            column.kind: at
            for column in COLUMNS
            if column.kind is not None
            and (at := read_times(cells.each(self._fields, column.name), column, self._options, self._now)) is not None
        }
        detected_at = times.get(EventKind.DETECTED)
        if detected_at is None:
            hint = "is missing; map the column with the time of the detection: --map YOURS=detected_at"
            raise column_error("detected_at", hint)
        for name, kind in (("acknowledge", EventKind.ACKNOWLEDGED), ("resolve", EventKind.RESOLVED)):
            longest = kind is EventKind.RESOLVED
            seconds = read_durations(cells.each(self._fields, f"{name}_seconds"), f"{name}_seconds", longest=longest)
            if seconds is not None and kind not in times:
                times[kind] = detected_at + seconds
                if times[kind] > self._now:
                    raise column_error(f"{name}_seconds", "ends in the future")
        return self._without_end(times) if self._merged_into else times

    def _without_end(self, times: dict[EventKind, datetime]) -> dict[EventKind, datetime]:
        """Replace the end of a merged incident by the merge: its clocks continue in the other incident."""
        ends = [times.pop(kind) for kind in (EventKind.DISMISSED, EventKind.RESOLVED) if kind in times]
        return {**times, EventKind.MERGED: ends[0] if ends else max(times.values())}

    def _events(self) -> Iterator[Event]:
        for kind, at in self._times.items():
            if kind is EventKind.DETECTED:
                yield self._event(kind, at, data={INCIDENT_KEY: self._key}, **self._about())
            else:
                data = self._data(kind)
                is_machine = kind is EventKind.ACKNOWLEDGED and bool(data)
                # an id of its own, so that a person's acknowledgement in a later file is another event
                yield self._event(kind, at, name="acknowledged_automated" if is_machine else "", data=data)
        yield from self._commander()
        if note := cells.text(self._fields, "note", 4096):
            yield self._event(EventKind.NOTE, max(self._times.values()), data={"text": note})
        latest = max((at for kind, at in self._times.items() if kind is not EventKind.DISMISSED), default=self._now)
        for kind, name, at, data in read_actions(self._fields, latest, self._options, self._now):
            yield self._event(kind, at, name=name, data=data)

    def _about(self) -> dict[str, Any]:
        return {
            "title": cells.text(self._fields, "title", 500) or None,
            "severity": self._severity(),
            "types": self._members("types", IncidentType),
            "domains": self._members("domains", Domain),
            "labels": cells.labels(self._fields, "labels") | self._single_labels(),
        }

    def _single_labels(self) -> dict[str, str]:
        columns = {column: label for column in self._fields if (label := label_of(column)) is not None}
        labels = {label: cells.text(self._fields, column, 4096) for column, label in columns.items()}
        return {label: value for label, value in labels.items() if value}

    def _severity(self) -> Severity | None:
        name = cells.text(self._fields, "severity", 200)
        if not name:
            return None
        mapped = self._options.severities.get(name.lower())
        if mapped is None and name.upper() in list(Severity):
            mapped = Severity(name.upper())
        if mapped is None:
            raise column_error("severity", "is not one of SEV-1 to SEV-4; map it with --severity-map YOURS=SEV-2")
        return mapped

    def _members(self, name: str, kinds: type[_E]) -> tuple[_E, ...]:
        by_name = {kind.value.lower(): kind for kind in kinds}
        words = cells.words(self._fields, name)
        if not all(word.lower() in by_name for word in words):
            raise column_error(name, f"should be among {', '.join(by_name.values())}")
        return tuple(dict.fromkeys(by_name[word.lower()] for word in words))

    def _data(self, kind: EventKind) -> dict[str, Any]:
        match kind:
            case EventKind.ACKNOWLEDGED:
                return self._acknowledgement()
            case EventKind.RESOLVED:
                return self._resolution()
            case EventKind.MERGED:
                return {INCIDENT_KEY: self._key, INTO_KEY: self._merged_into}
            case EventKind.POSTMORTEM_DRAFTED | EventKind.POSTMORTEM_FINALIZED:
                document = cells.text(self._fields, "document", 2000)
                return {"document": document} if document else {}
            case _:
                return {}

    def _acknowledgement(self) -> dict[str, Any]:
        """Return who acknowledged: a person, unless the line names a machine, which is not a response."""
        actor = self._actor("acknowledged_by")
        return {"automated": True} if actor in (ResolutionSource.AUTOMATION, ResolutionSource.ALERTS) else {}

    def _resolution(self) -> dict[str, Any]:
        """Return who resolved it. A resolution by a person is also a first response, so it is not the default."""
        match self._actor("resolved_by") or self._likely_resolver():
            case ResolutionSource.AUTOMATION:
                return {"automated": True}
            case ResolutionSource.ALERTS:
                return {"resolution_source": ResolutionSource.ALERTS.value}
            case _:
                return {}

    def _likely_resolver(self) -> ResolutionSource:
        people = EventKind.MITIGATED in self._times or (
            EventKind.ACKNOWLEDGED in self._times and not self._acknowledgement()
        )
        return ResolutionSource.HUMAN if people else ResolutionSource.ALERTS

    def _actor(self, column: str) -> ResolutionSource | None:
        """Read who did it; a name that is not a word for a machine is a person's."""
        name = cells.name_of(self._fields, column).casefold().removesuffix("_reference")
        if not name:
            return None
        if name not in _ACTORS and (likely := get_close_matches(name, _ACTORS, 1, 0.8)):
            self._warnings.append(f"{column} is taken for a person's name; for a machine write {likely[0]}")
        return _ACTORS.get(name, ResolutionSource.HUMAN)

    def _commander(self) -> Iterator[Event]:
        name = cells.text(self._fields, "commander", 200)
        if not name:
            return
        if EventKind.ACKNOWLEDGED not in self._times or self._acknowledgement():
            self._warnings.append("commander is ignored: without a person's acknowledged_at it is unknown since when")
            return
        at = self._times[EventKind.ACKNOWLEDGED]
        yield self._event(EventKind.ROLE_ASSIGNED, at, data={"role": Role.COMMANDER.value, "name": name})

    def _event(self, kind: EventKind, at: datetime, *, name: str = "", **more: Any) -> Event:
        return Event(
            event_id=self._event_id(name or kind.value),
            kind=kind,
            occurred_at=at,
            recorded_at=self._now,
            source=self._source,
            **more,
        )

    def _event_id(self, name: str) -> str:
        """Return an id that the same line always has; PagerDuty's detection has that of its webhook."""
        if self._source == Source.PAGERDUTY and name == EventKind.DETECTED:
            return f"pagerduty-{self._key}"
        return f"{self._source}-{self._key}-{name}"

    # -- what the line does not say --------------------------------------------------------------------------------

    def _initial_events(self, incident: Incident) -> Iterator[Event]:
        if self._merged_into:
            return
        over = EventKind.RESOLVED in self._times or EventKind.DISMISSED in self._times
        if not over and (at := self._stale_at()) is not None:
            data = {"resolution_source": ResolutionSource.STALE.value}
            yield self._event(EventKind.RESOLVED, at, name="stale", data=data)
        if self._is_waived(incident):
            waived = {"checks": {Check.DEADLINE.value: CheckState.NOT_NEEDED.value}}
            yield self._event(EventKind.POSTMORTEM_CHECKED, self._times[EventKind.DETECTED], data=waived)

    def _stale_at(self) -> datetime | None:
        if self._options.unresolved is Unresolved.OPEN:
            return None
        at = max(self._times.values()) + self._options.policy.stale_after
        if at > self._now:
            return None
        if self._options.unresolved is Unresolved.REFUSE:
            raise column_error("resolved_at", "is missing; add it, or give --unresolved stale or --unresolved open")
        return at

    def _is_waived(self, incident: Incident) -> bool:
        """Return whether its postmortem is waived: the line says so, or everything missing was due before now."""
        required = cells.truth(self._fields, "postmortem_required")
        if required is not None:
            return not required
        missing = [deadline for deadline in incident.deadlines if deadline.done_at is None]
        if self._options.postmortem_due is PostmortemDue.AHEAD and not all(
            deadline.overdue(self._now) for deadline in missing
        ):
            return False
        return bool(missing) and self._options.postmortem_due is not PostmortemDue.ALL
