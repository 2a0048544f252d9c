"""PM3xx: times in UTC and in the local zone, equal, in order, and the milestones among them (section 5)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.postmortems import catalogue as c
from service.postmortems.document import Document, FieldName, SectionKind, Text
from service.postmortems.findings import Finding, Rule, at
from service.postmortems.placeholders import has_placeholder
from service.postmortems.terms import Terms
from service.postmortems.timeline import Entry, Told, entries, window
from service.postmortems.times import Fault, Times, offset, zone_names

_RULES: dict[Fault, Rule] = {
    Fault.IMPOSSIBLE: c.NO_TIME,
    Fault.UNKNOWN_ZONE: c.ONE_ZONE,
    Fault.NO_UTC: c.ONE_ZONE,
    Fault.NO_LOCAL: c.ONE_ZONE,
    Fault.UNEQUAL: c.UNEQUAL_TIMES,
}
_EXPECTED = {Told.DETECTION: "検知", Told.CONTAINMENT: "抑制", Told.RECOVERY: "復旧"}


def check(document: Document, terms: Terms) -> Iterator[Finding]:
    """Check the window of the metadata and the timeline."""
    final = terms.as_final or document.is_final
    yield from _window(document, terms.zone, final=final)
    if document.section(SectionKind.TIMELINE):
        found = entries(document, terms.zone)
        for entry in found:
            yield from _entry(entry, terms.zone)
        yield from _order(found)
        yield from _missing(document, found)


def _window(document: Document, zone: ZoneInfo, *, final: bool) -> Iterator[Finding]:
    field = document.fields.get(FieldName.WINDOW)
    times = window(document, zone)
    if field is None or times is None or not field.text:
        return
    open_ = has_placeholder(field.text) and not final
    if not times.instants and not times.wrong and not open_:
        yield at(c.NO_TIME, field, f"give the window as times, such as {_example(zone)}")
    yield from _wrong(field, times, zone)
    if len(times.instants) > 1 and times.instants[1] < times.instants[0]:
        yield at(c.TIME_ORDER, field, "the window ends before it begins")


def _entry(entry: Entry, zone: ZoneInfo) -> Iterator[Finding]:
    yield from _wrong(entry.place, entry.times, zone)
    if not entry.times.instants and not entry.times.wrong and not entry.open:
        if offset(entry.place.text) is None:
            yield at(c.NO_TIME, entry.place, f"say when that was, such as {_example(zone)}")
        else:
            yield at(c.ONE_ZONE, entry.place, f"give the time beside the offset, such as {_example(zone)}")


def _wrong(place: Text, times: Times, zone: ZoneInfo) -> Iterator[Finding]:
    local = "/".join(sorted(zone_names(zone)))
    says = {
        Fault.IMPOSSIBLE: "{} is no time that exists",
        Fault.UNKNOWN_ZONE: "{} has no zone that is known here; write it in UTC and in " + local,
        Fault.NO_UTC: "{} stands alone; write the time in UTC beside it",
        Fault.NO_LOCAL: "{} stands alone; write the time in " + local + " beside it",
        Fault.UNEQUAL: "{}, for the time in UTC counts",
    }
    for wrong in times.wrong:
        where = Text(wrong.words, place.line, place.column + wrong.start)
        yield at(_RULES[wrong.fault], where, says[wrong.fault].format(wrong.words.strip()))


def _order(found: Sequence[Entry]) -> Iterator[Finding]:
    latest = None
    for entry in found:
        if entry.at is None:
            continue
        if latest is not None and entry.at < latest:
            yield at(c.TIME_ORDER, entry.place, f"this is before the entry above it ({latest:%Y-%m-%d %H:%M} UTC)")
        latest = entry.at if latest is None else max(latest, entry.at)


def _missing(document: Document, found: Sequence[Entry]) -> Iterator[Finding]:
    section = document.section(SectionKind.TIMELINE)
    told = {kind for entry in found for kind in entry.told}
    for kind, word in _EXPECTED.items():
        if section and kind not in told:
            message = f'tell of the {kind} ("{word}: …"); where there was none, write "{word}: なし" or "{kind}: none"'
            yield at(c.MISSING_ENTRY, section.heading, message)


def _example(zone: ZoneInfo) -> str:
    at = datetime(2025, 8, 12, 6, 50, tzinfo=UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC / {at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
