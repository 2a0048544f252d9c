"""All files of an import at once: which incidents they tell of, and which lines have to be changed first."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.domain.policy import Severity
from service.history.importing import grafana_oncall, opsgenie, pagerduty
from service.history.importing.columns import COLUMNS, NAMES
from service.history.importing.files import read_records
from service.history.importing.mapping import LEFT_OUT, Row, folded, mapped, unmapped
from service.history.importing.past import HISTORY, Bad, Past, Reading, Record
from service.history.importing.paths import leads
from service.history.importing.rows import read_row
from service.intake.pagerduty import PRIORITY_MAP
from service.intake.reasons import Source
from service.intake.wire import PayloadError

Rows = Iterable[Row]


class Format(StrEnum):
    """Whose names the files use."""

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
"""The source of what each format tells of. What PagerDuty's webhook told of is the same incident."""
SEVERITIES: Mapping[Format, Mapping[str, Severity]] = {
    Format.MTTX: {},
    Format.PAGERDUTY: PRIORITY_MAP,
    Format.OPSGENIE: PRIORITY_MAP,
    Format.GRAFANA_ONCALL: {},
}


ONE_LINE = (
    "each incident needs a line of its own. If the file is a log with several lines for each incident, add --fold"
)
_LEAVE_OUT = "; if this column of yours means something else, leave it out with --map {}=-"
_MEANT = frozenset({"key", "severity", "acknowledge_seconds", "resolve_seconds"}) | {c.name for c in COLUMNS if c.kind}
"""Columns that no file has by accident, or that have a hint of their own."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What files contain: incidents by their detection, and lines that are bad.

    `unread` are their columns that are ignored, `unmatched` what is mapped and no line has: either may be misspelt.
    """

    pasts: tuple[Past, ...]
    bad: tuple[Bad, ...]
    unread: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


def parse(files: Iterable[tuple[str, bytes]], form: Format, reading: Reading, now: datetime) -> Parsed:
    """Read files, each a name and its bytes; a file that cannot be read is bad as a whole. Raises nothing."""
    bad: list[Bad] = []
    records: list[Record] = []
    for name, body in files:
        try:
            for one in read_records(name, body):
                records.append(one) if isinstance(one, Record) else bad.append(one)
        except PayloadError as error:
            bad.append(Bad(name, error.detail))
    if reading.source == HISTORY:
        reading = replace(reading, source=SOURCES[form])
    reading = replace(reading, severities={**SEVERITIES[form], **reading.severities})
    pasts: dict[tuple[str, str], Past] = {}
    for row, aliases in _rows(records, form, reading):
        try:
            past = read_row(row, aliases, reading, now)
        except PayloadError as error:
            bad.append(Bad(row.where, error.detail + _hint(error, form)))
            continue
        first = pasts.setdefault((past.source, past.key), past)
        if first is not past:
            bad.append(Bad(row.where, f"key is that of {first.where} already; {ONE_LINE}"))
    ordered = sorted(pasts.values(), key=lambda past: min(event.occurred_at for event in past.events))
    unread = _unread(records, reading) if form is Format.MTTX else ()
    return Parsed(tuple(ordered), tuple(bad), unread, _unmatched(records, reading))


def _rows(records: Sequence[Record], form: Format, reading: Reading) -> Iterable[Row]:
    """Return the records in our columns, mapped as people ask for and folded if they do."""
    originals = {record.where: record for record in records}
    same_names = form is Format.MTTX
    rows = (
        (mapped(originals[row.where], reading.columns, row, same_names=same_names), aliases)
        for row, aliases in ROWS[form]([unmapped(record, reading.columns) for record in records])
    )
    return folded(rows) if reading.fold else rows


def _hint(error: PayloadError, form: Format) -> str:
    """Return how to leave a column out that is only by accident called like one of ours."""
    column = error.faults[0].pointer if error.faults else ""
    return _LEAVE_OUT.format(column) if form is Format.MTTX and column in NAMES and column not in _MEANT else ""


def _unread(records: Sequence[Record], reading: Reading) -> tuple[str, ...]:
    names = dict.fromkeys(name for record in records for name in record.fields)
    used = {part for theirs, _ in reading.columns for part in (theirs, re.split(r"[.\[]", theirs)[0])}
    return tuple(name for name in names if name not in NAMES and name not in used)


def _unmatched(records: Sequence[Record], reading: Reading) -> tuple[str, ...]:
    paths = dict.fromkeys(theirs for theirs, ours in reading.columns if ours != LEFT_OUT)
    return tuple(path for path in paths if records and not any(leads(record.fields, path) for record in records))
