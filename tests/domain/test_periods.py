"""Months and weeks of a time zone."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from

from service.domain.periods import Calendar, latest_periods, month_before, month_named, month_of

TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")


def test_a_month_begins_and_ends_at_midnight_of_its_zone():
    month = month_named("2026-10", TOKYO)
    assert month.begins_at == datetime(2026, 9, 30, 15, tzinfo=UTC)
    assert month.ends_at == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert month_named("2026-10", BERLIN).ends_at == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert month_of(month.begins_at, TOKYO) == month
    assert month_of(month.ends_at, TOKYO).name == "2026-11"


@pytest.mark.parametrize("name", ["2026-13", "2026-1", "1999-01", "2026-10-01", "", "2026-00"])
def test_what_is_no_month_has_none(name):
    assert month_named(name, TOKYO) is None


def test_january_follows_december():
    january = month_named("2027-01", BERLIN)
    assert month_before(january, BERLIN).name == "2026-12"
    assert [month.name for month in latest_periods(Calendar.MONTH, 3, january.begins_at, BERLIN)] == [
        "2026-11",
        "2026-12",
        "2027-01",
    ]


def test_a_month_goes_on_until_its_end():
    month = month_named("2026-10", TOKYO)
    assert month.goes_on(datetime(2026, 10, 31, 14, 59, tzinfo=UTC))
    assert not month.goes_on(month.ends_at)


@given(
    seconds=integers(1_200_000_000, 3_700_000_000),
    zone=sampled_from([TOKYO, BERLIN, ZoneInfo("America/Havana"), ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")]),
    calendar=sampled_from(Calendar),
    number=integers(1, 30),
)
def test_periods_follow_each_other_without_a_gap_and_end_with_the_current_one(seconds, zone, calendar, number):
    now = datetime.fromtimestamp(seconds, UTC)
    periods = latest_periods(calendar, number, now, zone)
    assert len(periods) == number
    assert all(one.ends_at == following.begins_at for one, following in pairwise(periods))
    assert periods[-1].begins_at <= now < periods[-1].ends_at
    assert len({period.name for period in periods}) == number


def test_a_week_is_named_by_its_monday_and_has_an_hour_more_when_the_clocks_go_back():
    sunday = datetime(2026, 10, 25, 12, tzinfo=UTC)
    before, current = latest_periods(Calendar.WEEK, 2, sunday, BERLIN)
    assert (before.name, current.name) == ("2026-10-12", "2026-10-19")
    assert (current.ends_at - current.begins_at).total_seconds() == (7 * 24 + 1) * 3600
