"""PM3xx: times in UTC and in the local zone, equal, in order, and the milestones among them (section 5)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.postmortems import catalogue as c
from service.postmortems.context import LintContext
from service.postmortems.document import Document, FieldName, SectionKind, Text
from service.postmortems.findings import Finding, Rule, at
from service.postmortems.placeholders import has_placeholder
from service.postmortems.timeline import DocumentEntry, entries, window
from service.postmortems.times import Declaration, TimeFault, Times, offset
from service.postmortems.topics import EXAMPLES
from service.postmortems.zones import zone_names

_RULES: dict[TimeFault, Rule] = {
    TimeFault.IMPOSSIBLE: c.NO_TIME,
    TimeFault.UNKNOWN_ZONE: c.ONE_ZONE,
    TimeFault.NO_UTC: c.ONE_ZONE,
    TimeFault.NO_LOCAL: c.ONE_ZONE,
    TimeFault.UNEQUAL: c.UNEQUAL_TIMES,
}


def check(document: Document, context: LintContext) -> Iterator[Finding]:
    """Check the window of the metadata and the timeline."""
    final = context.as_final or document.is_final
    yield from _window(document, context.zone, final=final)
    if document.section(SectionKind.TIMELINE):
        found = entries(document, context)
        yield from _declared(found, context.zone)
        for entry in found:
            yield from _entry(entry, context.zone)
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


def _entry(entry: DocumentEntry, zone: ZoneInfo) -> Iterator[Finding]:
    yield from _wrong(entry.location, entry.times, zone)
    if not entry.times.instants and not entry.times.wrong and not entry.open:
        if offset(entry.location.text) is None:
            yield at(c.NO_TIME, entry.location, f"say when that was, such as {_example(zone)}")
        else:
            yield at(c.ONE_ZONE, entry.location, f"give the time beside the offset, such as {_example(zone)}")


def _wrong(location: Text, times: Times, zone: ZoneInfo) -> Iterator[Finding]:
    local = _local(zone)
    says = {
        TimeFault.IMPOSSIBLE: "{} is no time that exists",
        TimeFault.UNKNOWN_ZONE: "{} has no zone that is known here; write it in UTC and in " + local,
        TimeFault.NO_UTC: "{} stands alone; write the time in UTC beside it",
        TimeFault.NO_LOCAL: "{} stands alone; write the time in " + local + " beside it",
        TimeFault.UNEQUAL: "{} should be {}, for the time in UTC counts",
    }
    for wrong in times.wrong:
        if wrong.declaration is None:
            where = Text(wrong.words, location.line, location.column + wrong.start)
            yield at(_RULES[wrong.fault], where, says[wrong.fault].format(wrong.words, wrong.right))


def _declared(found: Sequence[DocumentEntry], zone: ZoneInfo) -> Iterator[Finding]:
    """Point once to the place that states a zone, instead of to each time that has no other."""
    alone: dict[Text, tuple[Declaration, TimeFault]] = {}
    for wrong in (wrong for entry in found for wrong in entry.times.wrong):
        if wrong.declaration:
            alone.setdefault(wrong.declaration.location, (wrong.declaration, wrong.fault))
    for location, (declaration, fault) in alone.items():
        missing = "UTC" if fault is TimeFault.NO_UTC else _local(zone)
        message = (
            f"times are in {'/'.join(declaration.zones)} alone; write them in {missing} too, in a column or beside"
        )
        yield at(c.ONE_ZONE, location, message)


def _local(zone: ZoneInfo) -> str:
    return "/".join(sorted(name if name.isalpha() else zone.key for name in zone_names(zone)))


def _order(found: Sequence[DocumentEntry]) -> Iterator[Finding]:
    latest = None
    for entry in found:
        if entry.at is None:
            continue
        if latest is not None and entry.at < latest:
            yield at(c.TIME_ORDER, entry.location, f"this is before the entry above it ({latest:%Y-%m-%d %H:%M} UTC)")
        latest = entry.at if latest is None else max(latest, entry.at)


def _missing(document: Document, found: Sequence[DocumentEntry]) -> Iterator[Finding]:
    section = document.section(SectionKind.TIMELINE)
    topics = {topic for entry in found for topic in entry.topics}
    for topic, (japanese, english) in EXAMPLES.items():
        if section and topic not in topics:
            message = (
                f'no entry is recognized as the {topic}: begin it with "{japanese}:" or "{english}:", or add your word'
                f' to postmortems.words; if there was none, write "{japanese}: なし" or "{topic.capitalize()}: none"'
            )
            yield at(c.MISSING_ENTRY, section.heading, message)


def _example(zone: ZoneInfo) -> str:
    at = datetime(2025, 8, 12, 6, 50, tzinfo=UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC / {at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
