"""When reports are owed, by the standard and by the clock on the wall; which severity is worst; what is promised."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.policy import (
    Indicator,
    Severity,
    Stage,
    Statistic,
    Target,
    Weekday,
    WeeklyReview,
    worst,
)
from tests.builders import policy

TOKYO, BERLIN, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)
MONDAY_TEN = WeeklyReview(weekday=Weekday.MONDAY, at=time(10, 0), zone=TOKYO)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


# --- deadlines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "stage", "due"),
    [
        (Severity.SEV_1, Stage.DRAFT, utc(2025, 8, 12, 18, 50)),
        (Severity.SEV_1, Stage.FINAL, utc(2025, 8, 14, 6, 50)),
        (Severity.SEV_2, Stage.DRAFT, utc(2025, 8, 13, 6, 50)),
        (Severity.SEV_2, Stage.FINAL, utc(2025, 8, 15, 6, 50)),
        (Severity.SEV_3, Stage.DRAFT, utc(2025, 8, 14, 6, 50)),
        (Severity.SEV_3, Stage.FINAL, utc(2025, 8, 17, 6, 50)),
        (Severity.SEV_4, Stage.DRAFT, None),
        (Severity.SEV_4, Stage.FINAL, utc(2025, 8, 18, 1, 0)),  # Monday, 10:00 in Tokyo
    ],
)
def test_it_owes_what_the_standard_asks(severity, stage, due):
    assert policy().due_at(severity, stage, utc(2025, 8, 12, 6, 50)) == due


def test_it_owes_nothing_for_a_severity_without_deadlines():
    assert policy(deadlines={}).due_at(Severity.SEV_1, Stage.DRAFT, utc(2025, 8, 12)) is None


def test_it_counts_hours_and_not_days_on_the_wall_across_a_change_of_clocks():
    before = datetime(2025, 3, 29, 12, tzinfo=BERLIN)  # the night has an hour less
    due = policy().due_at(Severity.SEV_2, Stage.DRAFT, before.astimezone(UTC))
    assert due.astimezone(BERLIN) == datetime(2025, 3, 30, 13, tzinfo=BERLIN)


# --- the weekly review ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "meeting"),
    [
        (utc(2025, 8, 18, 0, 59, 59), utc(2025, 8, 18, 1, 0)),  # a second before
        (utc(2025, 8, 18, 1, 0), utc(2025, 8, 25, 1, 0)),  # what begins with the meeting is for the next one
        (utc(2025, 8, 18, 1, 0, 0, 1), utc(2025, 8, 25, 1, 0)),
        (utc(2025, 8, 17, 14, 59), utc(2025, 8, 18, 1, 0)),  # Sunday in Tokyo, until midnight there
        (utc(2025, 8, 17, 15, 0), utc(2025, 8, 18, 1, 0)),  # Monday in Tokyo, still Sunday in UTC
        (utc(2025, 8, 19), utc(2025, 8, 25, 1, 0)),
        (utc(2025, 12, 31), utc(2026, 1, 5, 1, 0)),
        (utc(2028, 2, 28, 12), utc(2028, 3, 6, 1, 0)),  # over the 29th of February
    ],
)
def test_it_meets_on_monday_at_ten_in_tokyo(instant, meeting):
    assert MONDAY_TEN.next_after(instant) == meeting


def test_it_meets_by_the_clock_on_the_wall_when_the_clocks_change():
    review = WeeklyReview(weekday=Weekday.SUNDAY, at=time(10, 0), zone=BERLIN)  # Sundays: the clocks change on one
    assert review.next_after(utc(2025, 3, 23, 9)) == utc(2025, 3, 30, 8)  # +01:00 → +02:00
    assert review.next_after(utc(2025, 10, 19, 8)) == utc(2025, 10, 26, 9)  # +02:00 → +01:00


def test_it_meets_once_where_the_clocks_skip_the_time_of_the_meeting():
    review = WeeklyReview(weekday=Weekday.SUNDAY, at=time(2, 30), zone=BERLIN)
    meeting = review.next_after(utc(2025, 3, 29, 12))
    assert meeting == utc(2025, 3, 30, 1, 30)  # 02:30 is not there; the instant is that of 03:30
    assert review.next_after(meeting) == utc(2025, 4, 6, 0, 30)


def test_it_meets_once_where_the_clocks_show_the_time_of_the_meeting_twice():
    review = WeeklyReview(weekday=Weekday.SUNDAY, at=time(2, 30), zone=BERLIN)
    meeting = review.next_after(utc(2025, 10, 25, 12))
    assert meeting == utc(2025, 10, 26, 0, 30)  # the first of the two
    assert review.next_after(meeting) == utc(2025, 11, 2, 1, 30)


def test_it_takes_the_day_of_the_zone_and_not_of_utc():
    review = WeeklyReview(weekday=Weekday.FRIDAY, at=time(20, 0), zone=NEW_YORK)  # Friday evening is Saturday in UTC
    assert review.next_after(utc(2025, 8, 16, 0, 0)) == utc(2025, 8, 23, 0, 0)
    assert review.next_after(utc(2025, 8, 15, 23, 59)) == utc(2025, 8, 16, 0, 0)


REVIEWS = st.builds(
    WeeklyReview,
    weekday=st.sampled_from(Weekday),
    at=st.times().map(lambda at: at.replace(microsecond=0)),
    zone=st.sampled_from(
        [TOKYO, BERLIN, NEW_YORK, ZoneInfo("UTC"), ZoneInfo("Pacific/Apia"), ZoneInfo("Asia/Kathmandu")]
    ),
)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(REVIEWS, INSTANTS)
def test_it_always_finds_the_first_meeting_after_an_instant(review, instant):
    meeting = review.next_after(instant)
    assert timedelta(0) < meeting - instant <= timedelta(days=8, hours=1)  # Apia once left out a day
    assert meeting.tzinfo is UTC
    assert review.next_after(meeting - timedelta(microseconds=1)) == meeting


# --- severities -----------------------------------------------------------------------------------------------------


def test_it_says_that_sev_1_is_the_worst():
    assert worst([Severity.SEV_3, Severity.SEV_1, Severity.SEV_4]) is Severity.SEV_1
    assert worst([]) is None


# --- targets --------------------------------------------------------------------------------------------------------

ALL = Target(Indicator.RESOLVE, Statistic.P95, 4 * HOUR)
OF_SEV_1 = Target(Indicator.RESOLVE, Statistic.MEAN, 2 * HOUR, Severity.SEV_1)


@pytest.mark.parametrize(("severity", "target"), [(None, ALL), (Severity.SEV_1, OF_SEV_1), (Severity.SEV_2, None)])
def test_it_has_a_target_for_all_together_and_for_single_severities(severity, target):
    rules = policy(targets=(ALL, OF_SEV_1))
    assert rules.target(Indicator.RESOLVE, severity) is target
