"""All files of an import at once: which incidents they tell of, and which lines have to be changed first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.domain.policy import Severity
from service.intake.history import grafana_oncall, opsgenie, pagerduty
from service.intake.history.columns import NAMES
from service.intake.history.files import read_records
from service.intake.history.past import HISTORY, Bad, Past, Reading, Record
from service.intake.history.rows import fields_of, read_row
from service.intake.pagerduty import PRIORITY_MAP
from service.intake.reasons import Source
from service.intake.wire import PayloadError

Rows = Iterable[tuple[Record, tuple[str, ...]]]


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


@dataclass(frozen=True, slots=True)
class Parsed:
    """What files say: incidents by their detection, lines that are bad, and names of columns that nobody read."""

    pasts: tuple[Past, ...]
    bad: tuple[Bad, ...]
    unread: tuple[str, ...] = ()


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
    originals = {record.where: record for record in records}
    pasts: dict[tuple[str, str], Past] = {}
    for row, aliases in ROWS[form](records):
        mapped = fields_of(originals[row.where], reading.columns, row)
        try:
            past = read_row(mapped, aliases, reading, now)
        except PayloadError as error:
            bad.append(Bad(row.where, error.detail))
            continue
        first = pasts.setdefault((past.source, past.key), past)
        if first is not past:
            bad.append(Bad(row.where, f"key is that of {first.where} already; one line for each incident"))
    unread = _unread(records, reading) if form is Format.MTTX else ()
    ordered = sorted(pasts.values(), key=lambda past: min(event.occurred_at for event in past.events))
    return Parsed(tuple(ordered), tuple(bad), unread)


def _unread(records: Sequence[Record], reading: Reading) -> tuple[str, ...]:
    """Return the names that are none of ours and that no mapping names: one of them may be misspelt."""
    names = dict.fromkeys(name for record in records for name in record.fields)
    mapped = {part for theirs in reading.columns for part in (theirs, theirs.partition(".")[0])}
    return tuple(name for name in names if name not in NAMES and name not in mapped)
