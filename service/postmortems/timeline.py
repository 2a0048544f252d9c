"""The timeline of a document: what each entry tells of, and when that was."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from service.postmortems.document import Document, FieldName, Section, SectionKind, Text
from service.postmortems.placeholders import has_placeholder, is_not_applicable
from service.postmortems.times import Times, offset, read_times


class Told(StrEnum):
    """What an entry of the timeline can tell of (the standard, section 5)."""

    DETECTION = "detection"
    CONTAINMENT = "containment"
    RECOVERY = "recovery"
    DRAFT = "draft"
    FINAL = "final"


_WORDS: Mapping[Told, re.Pattern[str]] = {
    Told.DETECTION: re.compile(r"検知|検出|覚知|detect", re.IGNORECASE),
    Told.CONTAINMENT: re.compile(r"抑制|緩和|封じ込め|暫定|mitigat|contain(?!er)|workaround", re.IGNORECASE),
    Told.RECOVERY: re.compile(r"復旧|回復|復帰|recover|resolved|restored", re.IGNORECASE),
    Told.DRAFT: re.compile(r"草案|(?<![A-Za-z])draft", re.IGNORECASE),
    Told.FINAL: re.compile(r"確定|(?<![A-Za-z])final(?:ized|ised)?(?![A-Za-z])", re.IGNORECASE),
}
_LABEL_END = re.compile(r"[:：](?![0-9])")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `at` is its instant where that is known; `open`: something of it is left to fill in."""

    place: Text
    times: Times
    at: datetime | None
    told: frozenset[Told]
    open: bool


def window(document: Document, zone: ZoneInfo) -> Times | None:
    """Return the times of the metadata's window; None where there is no such field."""
    field = document.fields.get(FieldName.WINDOW)
    return read_times(field.text, zone) if field else None


def entries(document: Document, zone: ZoneInfo) -> list[Entry]:
    """Return the entries of the timeline, those of lists and those of tables, as they stand in the document.

    What is in front of the first colon of words says what it was and when; behind it people may write as they like.
    """
    section = document.section(SectionKind.TIMELINE)
    known = window(document, zone)
    after = start = known.instants[0] if known and known.instants else None
    found: list[Entry] = []
    for place in _places(document, section) if section else ():
        label = _LABEL_END.split(place.text, maxsplit=1)[0]
        times = read_times(label, zone, after)
        if not times.instants and not times.wrong:
            times = read_times(place.text, zone, after)
        at = times.instants[0] if times.instants else _from_offset(place.text, found, start)
        after = at or after
        told = _told(label) or _told(place.text)
        found.append(Entry(place, times, at, told, has_placeholder(place.text) or is_not_applicable(place.text)))
    return found


def began_at(document: Document, zone: ZoneInfo) -> datetime | None:
    """Return when the incident began as far as the document says: its window, else its first entry."""
    known = window(document, zone)
    if known and known.instants:
        return known.instants[0]
    return next((e.at for e in entries(document, zone) if e.at), None)


def _told(words: str) -> frozenset[Told]:
    return frozenset(kind for kind, pattern in _WORDS.items() if pattern.search(words))


def _places(document: Document, section: Section) -> Iterator[Text]:
    """Yield the first line of each item, and each row of a table, with code and comments blanked out."""
    rows = [(row[0].line, row[0].column) for table in section.tables for row in table.rows if row]
    places = sorted([*((item.head.line, item.head.column) for item in section.items), *rows])
    for line, column in places:
        yield Text(document.prose[line - 1][column - 1 :].rstrip(), line, column)


def _from_offset(text: str, found: list[Entry], start: datetime | None) -> datetime | None:
    """Compute the instant of an entry that says only T+5m, from the detection, which is T0."""
    length = offset(text)
    if length is None:
        return None
    detected = next((e.at for e in found if Told.DETECTION in e.told and e.at), start)
    return None if detected is None else detected + min(max(length, timedelta(-30)), timedelta(3650))
