"""Times as people write them in a document: UTC and the local zone side by side; UTC takes precedence.

`service.postmortems.zones` has the names of zones; times are parsed here and compared with their local counterpart.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum, auto
from itertools import groupby
from zoneinfo import ZoneInfo

from service.postmortems.document import Text
from service.postmortems.zones import is_local, is_offset, is_utc, named_zone, zone_names, zone_of, zone_pattern

_DAY = r"\d{4}(?P<mark>[-/.])\d{1,2}(?P=mark)\d{1,2}|\d{4}年\s?\d{1,2}月\s?\d{1,2}日"
_CLOCK = re.compile(
    rf"(?<![\d:：.])(?:(?P<day>{_DAY})"
    r"(?:[ T]{1,4}|\s?[(（][^)）]{1,4}[)）]\s{0,3}|\s{0,3}\|\s{0,3}|[、,]\s?|(?<=日)))?"
    r"(?:(?P<half>午前|午後)\s?)?(?P<hour>\d{1,2})"
    r"(?:[:：](?P<minute>\d{2})(?:[:：](?P<second>\d{2})(?:[.,]\d{1,9})?)?(?![\d:：])"
    r"|時\s?(?P<minutes>\d{1,2})分(?:\s?(?P<seconds>\d{1,2})秒)?(?!間))"
    r"(?:\s?(?P<meridiem>[AaPp]\.?[Mm]\b\.?))?"
)
_OFFSET = re.compile(
    r"(?<![A-Za-z0-9])T\s?(?:(?P<sign>[+-])\s?(?=\d)(?:(?P<d>\d{1,3})d)?(?:(?P<h>\d{1,4})h)?(?:(?P<m>\d{1,5})m(?:in)?)?|0)"
    r"(?![A-Za-z0-9])"
)
_NEXT_DAY = timedelta(hours=12)
"""A time of day more than this before the previous one is on the next day; less than this, it is out of order."""


class TimeFault(Enum):
    """What can be wrong with a time."""

    IMPOSSIBLE = auto()
    UNKNOWN_ZONE = auto()
    NO_UTC = auto()
    NO_LOCAL = auto()
    UNEQUAL = auto()


@dataclass(frozen=True, slots=True)
class Declaration:
    """The zones that a header, a heading or a line states at `location`, for times after `start` that name none.

    With several zones, such as "UTC/JST", the first times are in the first zone, the next ones in the second.
    """

    zones: tuple[str, ...]
    location: Text
    start: int = 0


@dataclass(frozen=True, slots=True)
class FaultyTime:
    """A faulty time; `start` is its index in the text. `expected`: the correct local time.

    `declaration`: where its zone is stated, if not next to it.
    """

    fault: TimeFault
    start: int
    words: str
    expected: str = ""
    declaration: Declaration | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """The instants of a text in UTC, in the order of the text, and the faulty ones."""

    instants: tuple[datetime, ...]
    faults: tuple[FaultyTime, ...]


@dataclass(frozen=True, slots=True)
class _Stamp:
    words: str
    start: int
    day: date | None
    clock: time
    exact: bool
    zone: str
    tz: tzinfo | None = None
    declaration: Declaration | None = None


def read_times(text: str, zone: ZoneInfo, after: datetime | None = None, declared: Sequence[Declaration] = ()) -> Times:
    """Parse all times of a text; `zone` is the local zone. A time without a date is on the day of the previous one.

    `after` is the last instant before the text. The first time in UTC belongs to the first local one, and so on.
    """
    stamps, faults = _stamps(text, zone, declared)
    stamps = [replace(s, tz=zone_of(s.zone, zone)) for s in _with_zones(stamps, declared)]
    universal = [s for s in stamps if is_utc(s.tz)]
    local = [s for s in stamps if s not in universal and is_local(s.tz, zone, s.day, s.clock)]
    faults += [
        FaultyTime(TimeFault.UNKNOWN_ZONE, s.start, s.words) for s in stamps if s not in universal and s not in local
    ]
    instants = tuple(_instants(universal or local, after))
    faults += _unpaired(universal, local, zone)
    if universal:
        faults += _unequal(universal, instants, local)
    return Times(instants, tuple(sorted(faults, key=lambda fault: fault.start)))


def offset(text: str) -> timedelta | None:
    """Parse `T0`, `T+5m`, `T-3m`, `T+1h30m` or `T+2d`; None if the text has none."""
    match = _OFFSET.search(text)
    if match is None:
        return None
    days, hours, minutes = (int(match[name] or 0) for name in ("d", "h", "m"))
    length = timedelta(days=days, hours=hours, minutes=minutes)
    return -length if match["sign"] == "-" else length


def _stamps(text: str, zone: ZoneInfo, declared: Sequence[Declaration]) -> tuple[list[_Stamp], list[FaultyTime]]:
    zones = zone_pattern(zone)
    stamps: list[_Stamp] = []
    faults: list[FaultyTime] = []
    end = 0
    while match := _CLOCK.search(text, end):
        zone_name, end = _zone_after(match, zones, declared)
        words = text[match.start() : end]
        try:
            stamps.append(_stamp(match, words, zone_name))
        except ValueError:
            faults.append(FaultyTime(TimeFault.IMPOSSIBLE, match.start(), words))
    return stamps, faults


def _zone_after(clock: re.Match[str], zones: re.Pattern[str], declared: Sequence[Declaration]) -> tuple[str, int]:
    """Return the name of the zone after a time, and where the time ends.

    The hyphen of a range is not the sign of an offset: 06:50-08:00 UTC, 06:50 UTC-08:10 UTC, and
    06:50-08:00 in a column of UTC.
    """
    match = zones.match(clock.string, clock.end())
    if match is None:
        return "", clock.end()
    name, sign = match["zone"], re.search(r"[+-]\d", match["zone"])
    if "/" in name and named_zone(name) is None:
        return "", clock.end()
    if sign is None or "/" in name:
        return name, match.end()
    range_like = clock.string.startswith("-", clock.end()) and "T" not in clock[0]
    in_column = range_like and _declares(declared, clock.start())
    if in_column or not is_offset(name) or zones.match(clock.string, match.end()):
        return name[: sign.start()], match.start("zone") + sign.start() if sign.start() else clock.end()
    return name, match.end()


def _declares(declared: Sequence[Declaration], start: int) -> Declaration | None:
    return next((d for d in reversed(declared) if d.start <= start), None)


def _stamp(match: re.Match[str], words: str, zone: str) -> _Stamp:
    day = None
    if match["day"]:
        year, month, number = map(int, re.findall(r"\d+", match["day"]))
        day = date(year, month, number)
        if not 1970 < year < 2200:
            raise ValueError(year)
    hour, second = int(match["hour"]), match["second"] or match["seconds"]
    half = {"午前": "a", "午後": "p"}.get(match["half"] or "", (match["meridiem"] or "")[:1].casefold())
    if half and hour > 12:
        raise ValueError(hour)
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    clock = time(hour, int(match["minute"] or match["minutes"]), int(second or 0))
    return _Stamp(words, match.start(), day, clock, second is not None, zone)


def _with_zones(stamps: Sequence[_Stamp], declared: Sequence[Declaration]) -> list[_Stamp]:
    """Give a time without a zone that of the next one (06:50–08:10 UTC), else the one declared for its location."""
    zone = ""
    filled: list[_Stamp] = []
    for stamp in reversed(stamps):
        zone = stamp.zone or zone
        filled.append(replace(stamp, zone=zone))
    groups = groupby(reversed(filled), key=lambda s: None if s.zone else _declares(declared, s.start))
    return [stamp for declaration, group in groups for stamp in _declared(list(group), declaration)]


def _declared(stamps: Sequence[_Stamp], declaration: Declaration | None) -> Iterator[_Stamp]:
    if declaration is None or len(stamps) % len(declaration.zones):
        yield from stamps
        return
    each = len(stamps) // len(declaration.zones)
    for index, stamp in enumerate(stamps):
        yield replace(stamp, zone=declaration.zones[index // each], declaration=declaration)


def _instants(stamps: Sequence[_Stamp], after: datetime | None) -> Iterator[datetime]:
    """Yield the instants of the times; none without a known day."""
    day = after.astimezone(stamps[0].tz).date() if after and stamps else next((s.day for s in stamps if s.day), None)
    for stamp in stamps:
        day = stamp.day or day
        if day is None:
            return
        at = datetime.combine(day, stamp.clock, stamp.tz).astimezone(UTC)
        if stamp.day is None and after is not None and after - at > _NEXT_DAY:
            at += timedelta(days=1)
        after, day = at, at.astimezone(stamp.tz).date()
        yield at


def _unpaired(universal: Sequence[_Stamp], local: Sequence[_Stamp], zone: ZoneInfo) -> Iterator[FaultyTime]:
    if zone_names(zone) <= {"UTC"}:
        return
    for stamp in universal[len(local) :]:
        yield FaultyTime(TimeFault.NO_LOCAL, stamp.start, stamp.words, declaration=stamp.declaration)
    for stamp in local[len(universal) :]:
        yield FaultyTime(TimeFault.NO_UTC, stamp.start, stamp.words, declaration=stamp.declaration)


def _unequal(
    universal: Sequence[_Stamp], instants: Sequence[datetime], local: Sequence[_Stamp]
) -> Iterator[FaultyTime]:
    """Compare local times with those in UTC; dates and seconds are compared only if present."""
    for stamp, at, local_stamp in zip(universal, instants, local, strict=False):
        expected = at.astimezone(local_stamp.tz)
        exact = stamp.exact and local_stamp.exact
        clocks = [c if exact else c.replace(second=0) for c in (expected.time(), local_stamp.clock)]
        if clocks[0] != clocks[1] or (local_stamp.day is not None and local_stamp.day != expected.date()):
            yield FaultyTime(TimeFault.UNEQUAL, local_stamp.start, local_stamp.words, f"{expected:%Y-%m-%d %H:%M}")
