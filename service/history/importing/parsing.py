"""All files of an import together: their incidents, and the lines that must be corrected first."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.domain.policy import Severity
from service.domain.severity_rules import PRIORITY_MAP
from service.history.importing import grafana_oncall, opsgenie, pagerduty
from service.history.importing.columns import COLUMNS, NAMES, is_column
from service.history.importing.files import read_records
from service.history.importing.imported import HISTORY, ImportedIncident, ImportOptions, LineError, Record
from service.history.importing.mapping import IGNORED, Row, folded, mapped, unmapped
from service.history.importing.paths import leads
from service.history.importing.rows import read_row
from service.intake.sources import Source
from service.intake.wire import PayloadError

Rows = Iterable[Row]


class Format(StrEnum):
    """The tool whose names the files use."""

    MTTX = "mttx"
    PAGERDUTY = "pagerduty"
    OPSGENIE = "opsgenie"
    GRAFANA_ONCALL = "grafana-oncall"


def _ours(records: Sequence[Record]) -> Rows:
    return ((record, ()) for record in records)


ROWS: Mapping[Format, Callable[[Sequence[Record]], Rows]] = {
    Format.MTTX: _ours,
    Format.PAGERDUTY: pagerduty.rows,
    Format.OPSGENIE: opsgenie.rows,
    Format.GRAFANA_ONCALL: grafana_oncall.rows,
}
SOURCES: Mapping[Format, str] = {
    Format.MTTX: HISTORY,
    Format.PAGERDUTY: Source.PAGERDUTY.value,
    Format.OPSGENIE: "opsgenie",
    Format.GRAFANA_ONCALL: "grafana_oncall",
}
"""The source of each format's incidents. An incident that PagerDuty's webhook reported is the same incident."""
SEVERITIES: Mapping[Format, Mapping[str, Severity]] = {
    Format.MTTX: {},
    Format.PAGERDUTY: PRIORITY_MAP,
    Format.OPSGENIE: PRIORITY_MAP,
    Format.GRAFANA_ONCALL: {},
}


ONE_LINE = (
    "each incident needs a line of its own. If the file is a log with several lines for each incident, add --fold"
)
_LEAVE_OUT = "; if your column means something else, leave it out with --map {}=-"
_MEANT = frozenset({"key", "severity", "acknowledge_seconds", "resolve_seconds"}) | {c.name for c in COLUMNS if c.kind}
"""Columns that no file has by accident, or whose errors have a hint of their own."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of the files: incidents in order of time, and faulty lines.

    `ignored` are the ignored columns, `unmatched` mapped names that no line has: either may be misspelt.
    """

    incidents: tuple[ImportedIncident, ...]
    errors: tuple[LineError, ...]
    ignored: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


def parse(files: Iterable[tuple[str, bytes]], form: Format, options: ImportOptions, now: datetime) -> Parsed:
    """Read files, each a name and its bytes; a file that cannot be read is one LineError. Raises nothing."""
    errors: list[LineError] = []
    records: list[Record] = []
    for name, body in files:
        try:
            for record in read_records(name, body):
                records.append(record) if isinstance(record, Record) else errors.append(record)
        except PayloadError as error:
            errors.append(LineError(name, error.detail))
    if options.source == HISTORY:
        options = replace(options, source=SOURCES[form])
    options = replace(options, severities={**SEVERITIES[form], **options.severities})
    incidents: dict[tuple[str, str], ImportedIncident] = {}
    for row, aliases in _rows(records, form, options):
        try:
            incident = read_row(row, aliases, options, now)
        except PayloadError as error:
            errors.append(LineError(row.where, error.detail + _hint(error, form)))
            continue
        first = incidents.setdefault((incident.source, incident.key), incident)
        if first is not incident:
            errors.append(LineError(row.where, f"the same key as {first.where}; {ONE_LINE}"))
    ordered = sorted(incidents.values(), key=lambda incident: min(event.occurred_at for event in incident.events))
    ignored = _ignored(records, options) if form is Format.MTTX else ()
    return Parsed(tuple(ordered), tuple(errors), ignored, _unmatched(records, options))


def _rows(records: Sequence[Record], form: Format, options: ImportOptions) -> Iterable[Row]:
    """Return the records in our columns, mapped and folded as the options say."""
    originals = {record.where: record for record in records}
    same_names = form is Format.MTTX
    rows = (
        (mapped(originals[row.where], options.columns, row, same_names=same_names), aliases)
        for row, aliases in ROWS[form]([unmapped(record, options.columns) for record in records])
    )
    return folded(rows) if options.fold else rows


def _hint(error: PayloadError, form: Format) -> str:
    """Return how to leave out a column that only happens to have the name of one of ours."""
    column = error.faults[0].pointer if error.faults else ""
    return _LEAVE_OUT.format(column) if form is Format.MTTX and column in NAMES and column not in _MEANT else ""


def _ignored(records: Sequence[Record], options: ImportOptions) -> tuple[str, ...]:
    names = dict.fromkeys(name for record in records for name in record.fields)
    used = {part for theirs, _ in options.columns for part in (theirs, re.split(r"[.\[]", theirs)[0])}
    return tuple(name for name in names if not is_column(name) and name not in used)


def _unmatched(records: Sequence[Record], options: ImportOptions) -> tuple[str, ...]:
    paths = dict.fromkeys(theirs for theirs, ours in options.columns if ours != IGNORED)
    return tuple(path for path in paths if records and not any(leads(record.fields, path) for record in records))
