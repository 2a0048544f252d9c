"""From the bytes of a file to its records: CSV with a header, JSON lines, or one JSON document."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter

from service.history.importing import cells
from service.history.importing.imported import LineError, Record
from service.intake.reasons import Failure
from service.intake.wire import PayloadError, read_json

_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_DOCUMENT: TypeAdapter[dict[str, Any] | list[dict[str, Any]]] = TypeAdapter(dict[str, Any] | list[dict[str, Any]])
_DELIMITERS = (",", ";", "\t")
_NAMES = (
    "incidents",
    "log_entries",
    "incident",
    "data",
    "results",
    "alerts",
    "alert_groups",
    "incidentPreviews",
    "issues",
    "items",
    "records",
    "result",
)
"""The keys of lists in API responses: PagerDuty, Opsgenie, Grafana, Jira, GitHub, ServiceNow and others."""


def read_records(name: str, body: bytes) -> Iterator[Record | LineError]:
    """Yield the records of a file with their location; a line that cannot be read as a LineError.

    Raises PayloadError if the file as a whole cannot be read.
    """
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise PayloadError(Failure.INVALID_PAYLOAD, "the file is empty")
    if start[:1] not in (b"{", b"["):
        return _lines_of_csv(name, body)
    first, _, rest = start.partition(b"\n")
    is_lines = start[:1] == b"{" and first.rstrip().endswith(b"}") and rest.lstrip()[:1] == b"{"
    return _lines_of_json(name, body) if is_lines else _document(name, start)


def _lines_of_json(name: str, body: bytes) -> Iterator[Record | LineError]:
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        try:
            fields: dict[str, Any] = read_json(_OBJECT, line)
            yield Record(where, fields)
        except PayloadError as error:
            yield LineError(where, error.detail)


def _document(name: str, body: bytes) -> Iterator[Record | LineError]:
    document = read_json(_DOCUMENT, body)
    pages = document if isinstance(document, list) else [document]
    listed = [element for page in pages for element in _listed(page)]
    for number, element in enumerate(listed, start=1):
        where = f"{name}, record {number}"
        yield Record(where, element) if isinstance(element, dict) else LineError(where, "is not a JSON object")


def _listed(page: dict[str, Any]) -> list[Any]:
    """Return the elements of an API response; an object without a list is a record itself."""
    listed = [page[name] for name in _NAMES if isinstance(page.get(name), list | dict)]
    if not listed or "id" in page or "key" in page:
        return [page]
    return [element for value in listed for element in (value if isinstance(value, list) else [value])]


def _lines_of_csv(name: str, body: bytes) -> Iterator[Record | LineError]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        detail = f"line {line} is not UTF-8; save the file as UTF-8, or convert it with iconv"
        raise PayloadError(Failure.INVALID_PAYLOAD, detail) from None
    head = text[: text.find("\n")] if "\n" in text else text
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=head.count), strict=True)
    header: Sequence[str] = ()
    while True:
        where = f"{name}:{rows.line_num + 1}"
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield LineError(where, f"is not valid CSV: {error}; double the quotes inside a quoted cell")
            return
        if row is None:
            return
        if not header:
            header = [cell.strip() for cell in row]
        elif any(cell.strip() for cell in row):
            yield _line(where, header, row)


def _line(where: str, header: Sequence[str], row: Sequence[str]) -> Record | LineError:
    """Read a line; a repeated column (Jira has one for each label) keeps all of its values."""
    if len(row) > len(header):
        detail = f"has {len(row)} cells, but the header has {len(header)}; quote cells that contain the delimiter"
        return LineError(where, detail)
    fields: dict[str, Any] = {}
    for name, cell in zip(header, row, strict=False):
        if name:
            fields[name] = (*cells.each(fields, name), cell) if name in fields else cell
    return Record(where, {name: cells.cell(fields, name) for name in fields})


def plain(name: str) -> str:
    """Return the name of a column normalized for comparison: `Created At (UTC)` is `created_at_utc`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
