"""From a record with another tool's names to a row in our columns, and from several lines to one incident."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.history.importing import cells
from service.history.importing.columns import COLUMNS
from service.history.importing.imported import Record
from service.history.importing.paths import reach, without

IGNORED = "-"
"""What a column is mapped to in order to ignore it."""
Mapped = Sequence[tuple[str, str]]
"""Pairs of a path in their records and the name of one of our columns, or `IGNORED`."""
Row = tuple[Record, tuple[str, ...]]
"""A record in our columns, and the aliases of its incident."""

_TIMES = frozenset(column.name for column in COLUMNS if column.kind) | {"acknowledge_seconds", "resolve_seconds"}
_LISTS = frozenset({"types", "domains", "labels"})


def unmapped(record: Record, columns: Mapped) -> Record:
    """Return the record without what is mapped: a column that `columns` names means only what they say."""
    fields = record.fields
    for theirs, _ in columns:
        fields = without(fields, theirs)
    return Record(record.where, fields)


def mapped(original: Record, columns: Mapped, row: Record, *, same_names: bool) -> Record:
    """Return a row with what `columns` take over from the record as it was written; the first value counts.

    With `same_names` the row has the record's own names: one of ours that is mapped is not read under its own name.
    """
    values: dict[str, Any] = {}
    for theirs, ours in columns:
        value = reach(original.fields, theirs)
        if ours != IGNORED and cells.cell(values, ours) is None and (value is not None or same_names):
            values[ours] = value
    return Record(row.where, {**row.fields, **values})


def folded(rows: Iterable[Row]) -> list[Row]:
    """Merge the rows with the same source and key into one, in the place of the first.

    The last text counts, lists are joined, and all times are kept: their column decides which one counts.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault(_identity(row[0]), []).append(row)
    return [group[0] if len(group) == 1 else _folded(group) for group in groups.values()]


def _identity(record: Record) -> tuple[str, str, str]:
    """Return source and key; a row without a key, which is faulty, stays alone."""
    source, key = (str(cells.cell(record.fields, name) or "") for name in ("source", "key"))
    return source, key, "" if key else record.where


def _folded(group: Sequence[Row]) -> Row:
    columns = dict.fromkeys(name for record, _ in group for name in record.fields)
    fields = {name: _value(name, [record.fields for record, _ in group]) for name in columns}
    aliases = dict.fromkeys(alias for _, of_row in group for alias in of_row)
    return Record(group[0][0].where, fields), tuple(aliases)


def _value(name: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    values = tuple(value for fields in rows for value in cells.each(fields, name))
    return values if name in _TIMES or name in _LISTS else (values[-1] if values else None)
