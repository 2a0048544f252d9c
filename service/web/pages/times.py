"""Instants and durations as people read and type them: in UTC and in the display zone, right when the clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.durations import parts
from service.web.pages.words import Words

_WORDS = {"m": "min"}


class UnclearTime(ValueError):
    """What was typed is no instant; `problem` is the key of the message that says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def utc(at: datetime) -> str:
    """Write an instant in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def local(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant in a zone, with the zone's name at that time."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def span(duration: timedelta, words: Words) -> str:
    """Write a duration in the words of the page, such as `2 h 5 min`."""
    units = [words(f"unit.{_WORDS.get(unit, unit)}", n=number) for number, unit in parts(duration)]
    return words("unit.join").join(units)


def typed(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant as a field for local times holds it."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M:%S}"


def read(text: str, zone: ZoneInfo, *, second: bool | None = None) -> datetime:
    """Read a local time of `zone` into UTC.

    `second` says which is meant of a time that occurs twice, when the clocks go back. Raises UnclearTime for one that
    occurs twice without it, for one that the clocks jump over, and for what is no time.
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


def clock(at: datetime, zone: ZoneInfo) -> str:
    """Write the time of day, as it stands on the axis of a picture."""
    return f"{at.astimezone(zone):%H:%M}"
