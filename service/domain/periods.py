"""Calendar months and weeks of a time zone: the periods of reports and trends. They include their beginning only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MONTH_PATTERN = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class Calendar(StrEnum):
    """What periods are."""

    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """A month, named such as 2026-10, or a week by its Monday, such as 2026-10-05."""

    name: str
    begins_at: datetime
    ends_at: datetime

    def goes_on(self, now: datetime) -> bool:
        """Return whether it is not over at `now`."""
        return now < self.ends_at


def month_named(name: str, zone: ZoneInfo) -> Period | None:
    """Return the month of a name such as 2026-10, None if it is not one."""
    match = MONTH_PATTERN.fullmatch(name)
    return _month(date(int(match[1]), int(match[2]), 1), zone) if match else None


def month_of(at: datetime, zone: ZoneInfo) -> Period:
    """Return the month of an instant."""
    return _month(at.astimezone(zone).date(), zone)


def month_before(month: Period, zone: ZoneInfo) -> Period:
    """Return the month before another."""
    return month_of(month.begins_at - timedelta(days=1), zone)


def latest_periods(calendar: Calendar, number: int, now: datetime, zone: ZoneInfo) -> Sequence[Period]:
    """Return so many periods up to the current one, in order."""
    today = now.astimezone(zone).date()
    if calendar is Calendar.WEEK:
        monday = today - timedelta(days=today.weekday())
        return [_week(monday - timedelta(weeks=back), zone) for back in reversed(range(number))]
    months = [_month(today, zone)]
    while len(months) < number:
        months.append(month_before(months[-1], zone))
    return months[::-1]


def _month(day: date, zone: ZoneInfo) -> Period:
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Period(f"{first:%Y-%m}", _midnight(first, zone), _midnight(following, zone))


def _week(monday: date, zone: ZoneInfo) -> Period:
    return Period(monday.isoformat(), _midnight(monday, zone), _midnight(monday + timedelta(weeks=1), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
