"""The timeline of a document: what each entry tells of, and when that was."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.postmortems.context import LintContext
from service.postmortems.document import Document, DocumentSection, FieldName, SectionKind, Text
from service.postmortems.placeholders import has_placeholder, is_not_applicable
from service.postmortems.times import Declaration, Times, offset, read_times
from service.postmortems.topics import Topic, topics_of
from service.postmortems.zones import zones_in

_LABEL_END = re.compile(r"[:：](?![0-9])")


_STATES_ZONES = re.compile(r"\b(?:times?|timestamps?|time ?zone)\b|時刻|時間|タイムゾーン|日時", re.IGNORECASE)
_HAS_CLOCK = re.compile(r"\d[:：時]\d")


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One entry. `at` is its instant where that is known; `open`: something of it is left to fill in."""

    location: Text
    times: Times
    at: datetime | None
    topics: frozenset[Topic]
    open: bool


def window(document: Document, zone: ZoneInfo) -> Times | None:
    """Return the times of the metadata's window; None where there is no such field."""
    field = document.fields.get(FieldName.WINDOW)
    return read_times(field.text, zone) if field else None


def entries(document: Document, context: LintContext) -> list[DocumentEntry]:
    """Return the entries of the timeline, those of lists and those of tables, as they stand in the document.

    What is in front of the first colon of words says what it was and when; behind it people may write as they like.
    """
    section = document.section(SectionKind.TIMELINE)
    limits = window(document, context.zone)
    after = start = limits.instants[0] if limits and limits.instants else None
    found: list[DocumentEntry] = []
    for location, declared in _places(document, section, context.zone) if section else ():
        label = _LABEL_END.split(location.text, maxsplit=1)[0]
        times = read_times(label, context.zone, after, declared)
        if not times.instants and not times.wrong:
            times = read_times(location.text, context.zone, after, declared)
        at = times.instants[0] if times.instants else _from_offset(location.text, found, start)
        after = at or after
        topics = topics_of(label, context.words) or topics_of(location.text, context.words)
        found.append(
            DocumentEntry(
                location, times, at, topics, has_placeholder(location.text) or is_not_applicable(location.text)
            )
        )
    return found


def began_at(document: Document, context: LintContext) -> datetime | None:
    """Return when the incident began as far as the document says: its window, else its first entry."""
    limits = window(document, context.zone)
    if limits and limits.instants:
        return limits.instants[0]
    return next((e.at for e in entries(document, context) if e.at), None)


def _places(
    document: Document, section: DocumentSection, zone: ZoneInfo
) -> Iterator[tuple[Text, tuple[Declaration, ...]]]:
    """Yield the first line of each item, and each row of a table, with code and comments blanked out.

    Beside it stand the zones that were declared for its times: in the heading, on a line, or by the header of a column.
    """
    general = tuple(_declarations(document, section, zone))
    places = [(item.head.line, item.head.column, general) for item in section.items]
    for table in section.tables:
        columns = [Declaration(zones, cell) if (zones := zones_in(cell.text, zone)) else None for cell in table.header]
        for row in table.rows:
            cells = zip(row, columns, strict=False)
            named = [replace(d, start=cell.column - row[0].column) for cell, d in cells if d]
            places += [(row[0].line, row[0].column, (*general, *named))] if row else []
    for line, column, declared in sorted(places, key=lambda location: location[:2]):
        yield Text(document.prose[line - 1][column - 1 :].rstrip(), line, column), declared


def _declarations(document: Document, section: DocumentSection, zone: ZoneInfo) -> Iterator[Declaration]:
    """Yield the zones of the heading, such as "Timeline (UTC)", then those of a line such as "All times in UTC"."""
    if zones := zones_in(section.heading.text, zone):
        yield Declaration(zones, section.heading)
    top = range(1, document.sections[0].heading.line)
    elsewhere = {field.line for field in document.fields.values()} | {item.head.line for item in section.items}
    elsewhere |= {row[0].line for table in section.tables for row in (table.header, *table.rows) if row}
    for number in (*top, *document.lines_of(section)[1:]):
        line = document.prose[number - 1]
        if number in elsewhere or not _STATES_ZONES.search(line) or _HAS_CLOCK.search(line):
            continue
        if zones := zones_in(line, zone):
            yield Declaration(zones, Text(line.strip(), number, len(line) - len(line.lstrip()) + 1))


def _from_offset(text: str, found: list[DocumentEntry], start: datetime | None) -> datetime | None:
    """Compute the instant of an entry that says only T+5m, from the detection, which is T0."""
    length = offset(text)
    if length is None:
        return None
    detected = next((e.at for e in found if Topic.DETECTION in e.topics and e.at), start)
    return None if detected is None else detected + min(max(length, timedelta(-30)), timedelta(3650))
