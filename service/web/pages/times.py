"""Format and parse times and durations for people: in UTC and in the display zone, correct across clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.durations import parts
from service.web.pages.words import Words

_WORDS = {"m": "min"}
_DAYS_ALONE = 30


class UnclearTime(ValueError):
    """The input is not a valid time; `problem` is the key of the message with the reason."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def utc(at: datetime) -> str:
    """Format an instant in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def local(at: datetime, zone: ZoneInfo) -> str:
    """Format an instant in a zone, with the zone's name at that time."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def short(at: datetime, zone: ZoneInfo) -> str:
    """Format an instant in a zone to the minute, for tables."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def span(duration: timedelta, words: Words) -> str:
    """Format a duration in the page's language, such as `2 h 5 min`."""
    units = [words(f"unit.{_WORDS.get(unit, unit)}", n=number) for number, unit in parts(duration)]
    return words("unit.join").join(units)


def brief(duration: timedelta, words: Words) -> str:
    """Format a duration by its two largest units: `83 d`, `3 d 1 h`, `23 h 16 min`, `2 min 5 s`."""
    shown = parts(duration)[:2]
    if shown[0][1] == "d" and shown[0][0] >= _DAYS_ALONE:
        del shown[1:]
    return words("unit.join").join(words(f"unit.{_WORDS.get(unit, unit)}", n=number) for number, unit in shown)


def typed(at: datetime, zone: ZoneInfo) -> str:
    """Format an instant as the value of a local time field."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M:%S}"


def read(text: str, zone: ZoneInfo, *, second: bool | None = None) -> datetime:
    """Parse a local time of `zone` into UTC.

    `second` selects the occurrence of a time that occurs twice, when the clocks go back. Raises UnclearTime for such a
    time without `second`, for a time that the clocks skip, and for invalid input.
    """
    try:
        wall = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UnclearTime("error.time") from None
    if not 1970 <= wall.year < 2200:
        raise UnclearTime("error.time")
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    first, other = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == other:
        return first
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        raise UnclearTime("error.time_skipped")
    if second is None:
        raise UnclearTime("error.time_twice")
    return other if second else first


def clock(at: datetime, zone: ZoneInfo, *, dated: bool) -> str:
    """Format the time of day for a picture, `dated` with the day if it covers several."""
    return f"{at.astimezone(zone):{'%m-%d %H:%M' if dated else '%H:%M'}}"


def is_one_day(begin: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """Return whether a period begins and ends on the same day of a zone."""
    return begin.astimezone(zone).date() == end.astimezone(zone).date()
