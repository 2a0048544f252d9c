"""Exports of Opsgenie's alerts, as JSON of the API or as CSV.

`report.ackTime` and `report.closeTime` are milliseconds since `createdAt`. `updatedAt` is never read, since
every later edit changes it: a closed alert without `closeTime` has no known end. `System` is not a person. The alias of
an alert that Alertmanager created is the digest of its group key. Notes (of `/v2/alerts/{id}/notes`) are read without
their authors, responders not at all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.domain.recovery import ResolutionSource
from service.history.importing.files import plain
from service.history.importing.imported import Record
from service.history.importing.paths import reach

_MACHINE = "system"
_LONGEST_NOTE = 4096
_MILLISECONDS = re.compile(r"[0-9]{1,14}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]", re.ASCII | re.IGNORECASE)


def rows(records: Sequence[Record]) -> Iterable[tuple[Record, tuple[str, ...]]]:
    """Yield the alerts in our columns, each with the name by which Alertmanager knows its incident."""
    for record in records:
        alias = record.fields.get("alias")
        is_digest = isinstance(alias, str) and _DIGEST.fullmatch(alias) is not None
        yield Record(record.where, _row(record.fields)), (str(alias),) if is_digest else ()


def _row(alert: Mapping[str, Any]) -> dict[str, Any]:
    by_name = {plain(name).replace("_", ""): value for name, value in alert.items()}

    def get(*names: str) -> Any:
        """Return the first value of a CSV column or a JSON path."""
        values = [by_name.get(name.partition(".")[2].lower() or name.lower()) for name in names]
        values += [reach(alert, name) for name in names]
        return next((value for value in values if value not in (None, "")), None)

    row: dict[str, Any] = {
        "key": get("id", "alertId"),
        "title": get("message"),
        "severity": get("priority"),
        "detected_at": _created(get("createdAt"), get("createdAtDate")),
        "labels": {name: value for name in ("entity", "source") if isinstance(value := get(name), str)},
    }
    if isinstance(notes := alert.get("notes"), list):
        row["note"] = _joined(notes)
    acknowledged, closed = _seconds(get("report.ackTime")), _seconds(get("report.closeTime"))
    if acknowledged is not None:
        machine = _name(get("report.acknowledgedBy")) == _MACHINE
        source = ResolutionSource.AUTOMATION if machine else ResolutionSource.HUMAN
        row |= {"acknowledge_seconds": acknowledged, "acknowledged_by": source.value}
    if closed is not None:
        person = "@" in _name(get("report.closedBy"))
        source = ResolutionSource.HUMAN if person else ResolutionSource.ALERTS
        row |= {"resolve_seconds": closed, "resolved_by": source.value}
    return row


def _joined(notes: list[Any]) -> str:
    """Return the texts of all notes, the earliest first."""
    dated = sorted(
        (str(note.get("createdAt", "")), str(note.get("note", ""))) for note in notes if isinstance(note, dict)
    )
    return "\n".join(text for _, text in dated)[:_LONGEST_NOTE]


def _name(value: Any) -> str:
    return str(value).strip().lower()


def _seconds(milliseconds: Any) -> Any:
    """Return seconds, or a value that is not a number, which is refused later; 0 means that it never happened."""
    if milliseconds is None or isinstance(milliseconds, bool):
        return None
    try:
        return float(milliseconds) / 1000 or None
    except (TypeError, ValueError, OverflowError):
        return milliseconds


def _created(*values: Any) -> Any:
    """Return the first that is a time, in milliseconds since 1970 or ISO 8601; else the first that is not None."""
    times = [_time(value) for value in values if value is not None]
    return next((time for time in times if isinstance(time, str) and _ISO.match(time)), next(iter(times), None))


def _time(value: Any) -> Any:
    """Return milliseconds since 1970 as a time; any other value as it is."""
    if isinstance(value, str | int) and not isinstance(value, bool) and _MILLISECONDS.fullmatch(str(value).strip()):
        return datetime.fromtimestamp(int(value) / 1000, UTC).isoformat()
    return value
