"""Imported incidents, and the options of an import: the types that all formats share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.events import Event
from service.domain.policy import Policy, Severity
from service.intake.reasons import Failure
from service.intake.wire import Fault, PayloadError

HISTORY = "history"
"""The source of incidents in our own columns; keys are unique within a source."""


class Unresolved(StrEnum):
    """What happens to an incident without an end that was silent for `stale_after`."""

    STALE = "stale"
    OPEN = "open"
    REFUSE = "refuse"


class PostmortemDue(StrEnum):
    """Which postmortems are required if the file does not say: those not due yet, all, or none."""

    AHEAD = "ahead"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How files are read. `zone` is that of times without one, None to refuse them; `time_formats` as for strptime.

    `columns` are pairs of a column or path in the file and our name for it. `severities` has its keys in lower case.
    With `fold` all lines with the same key are one incident.
    """

    policy: Policy
    zone: ZoneInfo | None = None
    time_formats: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    source: str = HISTORY
    unresolved: Unresolved = Unresolved.STALE
    postmortem_due: PostmortemDue = PostmortemDue.AHEAD
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a file, or one object of a JSON document, with its own names; `where` says which it is."""

    where: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedIncident:
    """One incident of the past. `at_first` are events that count only where the import is the first to tell of it.

    `merged_into` is the key of the incident that it was merged into, "" for none.
    """

    where: str
    source: str
    key: str
    events: tuple[Event, ...]
    initial_events: tuple[Event, ...] = ()
    aliases: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    merged_into: str = ""


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with a line, and what to change; the line is not imported."""

    where: str
    detail: str


def column_error(column: str, detail: str) -> PayloadError:
    """Return the error for one column of a line."""
    return PayloadError(Failure.INVALID_PAYLOAD, f"{column} {detail}", [Fault(column, detail)])
