"""Times as people write them in a document: UTC and the local zone side by side, of which UTC counts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum, auto
from zoneinfo import ZoneInfo

_STAMP = re.compile(
    r"(?<![\d:.])(?:(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2})(?:[ T]+|\s*\([^)]{1,3}\)\s*))?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?(?![\d:])"
    r"(?:\s?(?P<zone>Z|[A-Z]{2,5}|[+-]\d{2}(?::?\d{2})?)(?![A-Za-z0-9:]))?"
)
_OFFSET = re.compile(
    r"(?<![A-Za-z0-9])T\s?(?:(?P<sign>[+-])\s?(?=\d)(?:(?P<d>\d{1,3})d)?(?:(?P<h>\d{1,4})h)?(?:(?P<m>\d{1,5})m(?:in)?)?|0)"
    r"(?![A-Za-z0-9])"
)
_UTC = ("Z", "UTC", "GMT")
_NEXT_DAY = timedelta(hours=12)
"""A time of day that is this much before the one ahead of it is of the next day; anything less is out of order."""


class Fault(Enum):
    """What can be wrong with times."""

    IMPOSSIBLE = auto()
    UNKNOWN_ZONE = auto()
    NO_UTC = auto()
    NO_LOCAL = auto()
    UNEQUAL = auto()


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong, and where in the text, from 0."""

    fault: Fault
    start: int
    words: str


@dataclass(frozen=True, slots=True)
class Times:
    """The instants of a text in UTC, in the order of the text, and what is wrong with them."""

    instants: tuple[datetime, ...]
    wrong: tuple[Wrong, ...]


@dataclass(frozen=True, slots=True)
class _Stamp:
    words: str
    start: int
    day: date | None
    clock: time
    exact: bool
    zone: str


def read_times(text: str, zone: ZoneInfo, after: datetime | None = None) -> Times:
    """Read all times of a text; `zone` is the local zone. A time without a date is of the day of the one before it.

    `after` is the last instant ahead of the text. The first time in UTC belongs to the first local one, and so on.
    """
    stamps: list[_Stamp] = []
    wrong: list[Wrong] = []
    for match in _STAMP.finditer(text):
        try:
            stamps.append(_stamp(match))
        except ValueError:
            wrong.append(Wrong(Fault.IMPOSSIBLE, match.start(), match[0]))
    stamps = list(_with_zones(stamps))
    universal = [s for s in stamps if s.zone in _UTC or _is_utc(s.zone)]
    local = [s for s in stamps if s not in universal and _is_local(s, zone)]
    wrong += [Wrong(Fault.UNKNOWN_ZONE, s.start, s.words) for s in stamps if s not in universal and s not in local]
    instants = tuple(_instants(universal, after))
    wrong += _unpaired(universal, local, zone)
    wrong += _unequal(universal, instants, local, zone)
    return Times(instants, tuple(sorted(wrong, key=lambda one: one.start)))


def offset(text: str) -> timedelta | None:
    """Read `T0`, `T+5m`, `T-3m`, `T+1h30m` or `T+2d`; None where the text has none."""
    match = _OFFSET.search(text)
    if match is None:
        return None
    days, hours, minutes = (int(match[name] or 0) for name in ("d", "h", "m"))
    length = timedelta(days=days, hours=hours, minutes=minutes)
    return -length if match["sign"] == "-" else length


def zone_names(zone: ZoneInfo) -> frozenset[str]:
    """Return how the zone is called in winter and in summer, such as JST, or CET and CEST."""
    return frozenset(datetime(2025, month, 1, 12, tzinfo=zone).tzname() or "" for month in (1, 7))


def _stamp(match: re.Match[str]) -> _Stamp:
    day = None
    if match["date"]:
        year, month, number = map(int, re.split("[-/]", match["date"]))
        day = date(year, month, number)
        if not 1970 < year < 2200:
            raise ValueError(year)
    clock = time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
    return _Stamp(match[0], match.start(), day, clock, match["second"] is not None, match["zone"] or "")


def _with_zones(stamps: Sequence[_Stamp]) -> Iterator[_Stamp]:
    """Give a time without a zone that of the next: 06:50–08:10 UTC."""
    zone = ""
    given: list[_Stamp] = []
    for stamp in reversed(stamps):
        zone = stamp.zone or zone
        given.append(_Stamp(stamp.words, stamp.start, stamp.day, stamp.clock, stamp.exact, zone))
    return reversed(given)


def _is_utc(zone: str) -> bool:
    return _numeric(zone) == timedelta(0)


def _is_local(stamp: _Stamp, zone: ZoneInfo) -> bool:
    if stamp.zone in zone_names(zone):
        return True
    hours = _numeric(stamp.zone)
    days = [stamp.day] if stamp.day else [date(2025, 1, 1), date(2025, 7, 1)]
    return hours is not None and any(hours == datetime.combine(d, stamp.clock, zone).utcoffset() for d in days)


def _numeric(zone: str) -> timedelta | None:
    if zone[:1] not in ("+", "-"):
        return None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return length if zone[0] == "+" else -length


def _instants(universal: Sequence[_Stamp], after: datetime | None) -> Iterator[datetime]:
    """Put the times on days; none of them where no day is known."""
    day = after.date() if after else next((s.day for s in universal if s.day), None)
    for stamp in universal:
        day = stamp.day or day
        if day is None:
            return
        at = datetime.combine(day, stamp.clock, UTC)
        if stamp.day is None and after is not None and after - at > _NEXT_DAY:
            at += timedelta(days=1)
        after, day = at, at.date()
        yield at


def _unpaired(universal: Sequence[_Stamp], local: Sequence[_Stamp], zone: ZoneInfo) -> Iterator[Wrong]:
    if zone_names(zone) <= {*_UTC}:
        return
    for stamp in universal[len(local) :]:
        yield Wrong(Fault.NO_LOCAL, stamp.start, stamp.words)
    for stamp in local[len(universal) :]:
        yield Wrong(Fault.NO_UTC, stamp.start, stamp.words)


def _unequal(
    universal: Sequence[_Stamp], instants: Sequence[datetime], local: Sequence[_Stamp], zone: ZoneInfo
) -> Iterator[Wrong]:
    """Compare the local clock with what the zone makes of UTC; a date and seconds count where they are written."""
    for stamp, at, beside in zip(universal, instants, local, strict=False):
        hours = _numeric(beside.zone)
        there = at.astimezone(zone if hours is None else timezone(hours))
        exact = stamp.exact and beside.exact
        clocks = [c if exact else c.replace(second=0) for c in (there.time(), beside.clock)]
        if clocks[0] != clocks[1] or (beside.day is not None and beside.day != there.date()):
            right = f"{there:%Y-%m-%d %H:%M}"
            yield Wrong(Fault.UNEQUAL, beside.start, f"{beside.words.strip()} should be {right}")
