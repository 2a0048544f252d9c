"""The timeline of a document: the topics and the time of each entry."""

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
    """One entry. `at` is its instant, if known; `open`: part of it is left to fill in."""

    location: Text
    times: Times
    at: datetime | None
    topics: frozenset[Topic]
    open: bool


def window(document: Document, zone: ZoneInfo) -> Times | None:
    """Return the times of the window in the metadata, if it has one."""
    field = document.fields.get(FieldName.WINDOW)
    return read_times(field.text, zone) if field else None


def entries(document: Document, context: LintContext) -> list[DocumentEntry]:
    """Return the entries of the timeline, from lists and tables, in the order of the document.

    The label before the first colon has the topic and the time; the text after it is free.
    """
    section = document.section(SectionKind.TIMELINE)
    bounds = window(document, context.zone)
    after = start = bounds.instants[0] if bounds and bounds.instants else None
    timeline: list[DocumentEntry] = []
    for location, declared in _locations(document, section, context.zone) if section else ():
        label = _LABEL_END.split(location.text, maxsplit=1)[0]
        times = read_times(label, context.zone, after, declared)
        if not times.instants and not times.faults:
            times = read_times(location.text, context.zone, after, declared)
        at = times.instants[0] if times.instants else _from_offset(location.text, timeline, start)
        after = at or after
        topics = topics_of(label, context.words) or topics_of(location.text, context.words)
        timeline.append(
            DocumentEntry(
                location, times, at, topics, has_placeholder(location.text) or is_not_applicable(location.text)
            )
        )
    return timeline


def began_at(document: Document, context: LintContext) -> datetime | None:
    """Return when the incident started according to the document: its window, else its first entry."""
    bounds = window(document, context.zone)
    if bounds and bounds.instants:
        return bounds.instants[0]
    return next((e.at for e in entries(document, context) if e.at), None)


def _locations(
    document: Document, section: DocumentSection, zone: ZoneInfo
) -> Iterator[tuple[Text, tuple[Declaration, ...]]]:
    """Yield the first line of each item, and each row of a table, with code and comments blanked out.

    Each comes with the zones declared for its times: in the heading, on a line, or in the header of a column.
    """
    general = tuple(_declarations(document, section, zone))
    locations = [(item.head.line, item.head.column, general) for item in section.items]
    for table in section.tables:
        columns = [Declaration(zones, cell) if (zones := zones_in(cell.text, zone)) else None for cell in table.header]
        for row in table.rows:
            cells = zip(row, columns, strict=False)
            named = [replace(d, start=cell.column - row[0].column) for cell, d in cells if d]
            locations += [(row[0].line, row[0].column, (*general, *named))] if row else []
    for line, column, declared in sorted(locations, key=lambda entry: entry[:2]):
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


def _from_offset(text: str, timeline: list[DocumentEntry], start: datetime | None) -> datetime | None:
    """Compute the instant of an entry that has only T+5m, relative to the detection, which is T0."""
    length = offset(text)
    if length is None:
        return None
    detected = next((e.at for e in timeline if Topic.DETECTION in e.topics and e.at), start)
    return None if detected is None else detected + min(max(length, timedelta(-30)), timedelta(3650))
