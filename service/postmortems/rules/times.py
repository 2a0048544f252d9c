"""PM3xx: times in UTC and the local zone, their order, and the milestones in the timeline (the standard, section 5)."""

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
        timeline = entries(document, context)
        yield from _declared(timeline, context.zone)
        for entry in timeline:
            yield from _entry(entry, context.zone)
        yield from _order(timeline)
        yield from _missing(document, timeline)


def _window(document: Document, zone: ZoneInfo, *, final: bool) -> Iterator[Finding]:
    field = document.fields.get(FieldName.WINDOW)
    times = window(document, zone)
    if field is None or times is None or not field.text:
        return
    open_ = has_placeholder(field.text) and not final
    if not times.instants and not times.faults and not open_:
        yield at(c.NO_TIME, field, f"write the window as times, such as {_example(zone)}")
    yield from _faults(field, times, zone)
    if len(times.instants) > 1 and times.instants[1] < times.instants[0]:
        yield at(c.TIME_ORDER, field, "the window ends before it starts")


def _entry(entry: DocumentEntry, zone: ZoneInfo) -> Iterator[Finding]:
    yield from _faults(entry.location, entry.times, zone)
    if not entry.times.instants and not entry.times.faults and not entry.open:
        if offset(entry.location.text) is None:
            yield at(c.NO_TIME, entry.location, f"add the time, such as {_example(zone)}")
        else:
            yield at(c.ONE_ZONE, entry.location, f"add the time next to the offset, such as {_example(zone)}")


def _faults(location: Text, times: Times, zone: ZoneInfo) -> Iterator[Finding]:
    local = _local(zone)
    messages = {
        TimeFault.IMPOSSIBLE: "{} is not a valid time",
        TimeFault.UNKNOWN_ZONE: "{} has an unknown time zone; write it in UTC and in " + local,
        TimeFault.NO_UTC: "{} has no time in UTC next to it",
        TimeFault.NO_LOCAL: "{} has no time in " + local + " next to it",
        TimeFault.UNEQUAL: "{} should be {}; the time in UTC takes precedence",
    }
    for faulty in times.faults:
        if faulty.declaration is None:
            where = Text(faulty.words, location.line, location.column + faulty.start)
            yield at(_RULES[faulty.fault], where, messages[faulty.fault].format(faulty.words, faulty.expected))


def _declared(timeline: Sequence[DocumentEntry], zone: ZoneInfo) -> Iterator[Finding]:
    """Point once to where a zone is stated, instead of to each time that lacks the other zone."""
    alone: dict[Text, tuple[Declaration, TimeFault]] = {}
    for faulty in (faulty for entry in timeline for faulty in entry.times.faults):
        if faulty.declaration:
            alone.setdefault(faulty.declaration.location, (faulty.declaration, faulty.fault))
    for location, (declaration, fault) in alone.items():
        missing = "UTC" if fault is TimeFault.NO_UTC else _local(zone)
        message = f"times are only in {'/'.join(declaration.zones)}; add {missing}, in a column or next to them"
        yield at(c.ONE_ZONE, location, message)


def _local(zone: ZoneInfo) -> str:
    return "/".join(sorted(name if name.isalpha() else zone.key for name in zone_names(zone)))


def _order(timeline: Sequence[DocumentEntry]) -> Iterator[Finding]:
    latest = None
    for entry in timeline:
        if entry.at is None:
            continue
        if latest is not None and entry.at < latest:
            yield at(c.TIME_ORDER, entry.location, f"earlier than the entry above ({latest:%Y-%m-%d %H:%M} UTC)")
        latest = entry.at if latest is None else max(latest, entry.at)


def _missing(document: Document, timeline: Sequence[DocumentEntry]) -> Iterator[Finding]:
    section = document.section(SectionKind.TIMELINE)
    topics = {topic for entry in timeline for topic in entry.topics}
    for topic, (japanese, english) in EXAMPLES.items():
        if section and topic not in topics:
            message = (
                f'no entry is recognized as the {topic}: start it with "{japanese}:" or "{english}:", or add your word'
                f' to postmortems.words; if there was none, write "{japanese}: なし" or "{topic.capitalize()}: none"'
            )
            yield at(c.MISSING_ENTRY, section.heading, message)


def _example(zone: ZoneInfo) -> str:
    at = datetime(2025, 8, 12, 6, 50, tzinfo=UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC / {at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
