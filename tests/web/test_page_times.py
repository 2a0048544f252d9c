"""Instants and durations as people read and type them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.web.pages import times
from service.web.pages.words import words

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("seconds", "english", "japanese"),
    [
        (0, "0 s", "0秒"),
        (-5, "0 s", "0秒"),
        (59.9, "1 min", "1分"),
        (312, "5 min 12 s", "5分12秒"),
        (7500, "2 h 5 min", "2時間5分"),
        (7200, "2 h", "2時間"),
        (200000, "55 h 33 min 20 s", "55時間33分20秒"),
    ],
)
def test_it_writes_a_duration_in_words(seconds, english, japanese):
    assert times.span(timedelta(seconds=seconds), words("en")) == english
    assert times.span(timedelta(seconds=seconds), words("ja")) == japanese


def test_the_zone_follows_its_clocks_and_the_date_its_midnight():
    summer, winter = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert times.local(summer, BERLIN) == "2026-10-25 02:30:00 CEST"
    assert times.local(winter, BERLIN) == "2026-10-25 02:30:00 CET"
    assert times.clock(summer, BERLIN, dated=False) == times.clock(winter, BERLIN, dated=False) == "02:30"
    assert times.clock(summer, BERLIN, dated=True) == "10-25 02:30"
    assert times.is_one_day(summer, winter, BERLIN)
    assert not times.is_one_day(summer, datetime(2026, 10, 25, 23, tzinfo=UTC), BERLIN)
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert times.local(late, ZoneInfo("Asia/Tokyo")) == "2026-11-24 08:30:00 JST"
    assert times.utc(late) == "2026-11-23 23:30:00Z"


def test_what_is_typed_is_read_back_in_the_zone():
    at = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)
    assert times.read(times.typed(at, BERLIN), BERLIN) == at
    assert times.read("2026-03-29T03:00", BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert times.read("2026-03-29T03:00+00:00", BERLIN) == datetime(2026, 3, 29, 3, tzinfo=UTC)


def test_a_time_that_occurs_twice_has_to_be_chosen():
    with pytest.raises(times.UnclearTime, match=r"error\.time_twice"):
        times.read("2026-10-25T02:30", BERLIN)
    assert times.read("2026-10-25T02:30", BERLIN, second=False) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert times.read("2026-10-25T02:30", BERLIN, second=True) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-03-29T02:30", "error.time_skipped"),
        ("yesterday", "error.time"),
        ("2026-02-30T00:00", "error.time"),
        ("0001-01-01T00:00", "error.time"),
        ("9999-12-31T23:59", "error.time"),
    ],
)
def test_what_is_no_time_is_refused(text, problem):
    with pytest.raises(times.UnclearTime, match=f"^{problem}$"):
        times.read(text, BERLIN)
