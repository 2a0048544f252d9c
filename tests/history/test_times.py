"""Times of other people's files."""

from zoneinfo import ZoneInfo

import pytest

from tests.history.reading import bad, one, told

BERLIN = ZoneInfo("Europe/Berlin")


def at(text, **how):
    return told(one("key,detected_at,resolved_by", f'1,"{text}",', **how))["detected"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01T09:00:00Z",
        "2026-10-01T18:00:00+09:00",
        "2026-10-01 18:00:00 +0900",
        "2026-10-01 09:00 UTC",
        "2026-10-01t09:00:00.000000001z",
        "2026-10-01 09:00:00,123 GMT",
        " 2026-10-01T18:00+09 ",
    ],
)
def test_it_reads_iso_8601_as_people_write_it(text):
    assert at(text) == "2026-10-01T09:00:00"


def test_a_time_without_a_zone_needs_one():
    why = bad("key,detected_at", "1,2026-10-01 09:00:00")
    assert "has no time zone; append Z or an offset such as +09:00, or give --timezone" in why
    assert at("2026-10-01 18:00:00", zone=ZoneInfo("Asia/Tokyo")) == "2026-10-01T09:00:00"


def test_a_zone_of_its_own_counts_before_the_given_one():
    assert at("2026-10-01 18:00:00Z", zone=ZoneInfo("Asia/Tokyo")) == "2026-10-01T18:00:00"


def test_what_a_clock_showed_twice_or_never_is_refused():
    assert "showed twice" in bad("key,detected_at", "1,2026-10-25 02:30", zone=BERLIN)
    assert "no clock showed" in bad("key,detected_at", "1,2026-03-29 02:30", zone=BERLIN)
    assert at("2026-03-29 03:30", zone=BERLIN) == "2026-03-29T01:30:00"


def test_other_ways_of_writing_are_named():
    assert at("01/10/2026 11:00", time_format="%d/%m/%Y %H:%M", zone=BERLIN) == "2026-10-01T09:00:00"
    assert at("01.10.2026 11:00 +0200", time_format="%d.%m.%Y %H:%M %z") == "2026-10-01T09:00:00"
    assert at("1790845200", time_format="epoch") == "2026-10-01T09:00:00"
    assert at("1790845200000", time_format="epoch-ms") == "2026-10-01T09:00:00"


@pytest.mark.parametrize(
    ("text", "why", "how"),
    [
        ("2026-10-01", "other ways of writing need --time-format", {}),
        ("yesterday", "is no time such as", {}),
        ("2026-13-01T00:00:00Z", "is no time that exists", {}),
        ("1969-10-01T00:00:00Z", "outside the years", {}),
        ("0001-01-01T00:00:00+14:00", "outside the years", {}),
        ("9999-12-31T23:59:59-14:00", "outside the years", {}),
        ("2026-11-26T00:06:00Z", "lies in the future", {}),
        ("2026-10-01T09:00:00Z", "not written as --time-format says", {"time_format": "%d/%m/%Y"}),
        ("soon", "as --time-format says", {"time_format": "epoch"}),
        ("inf", "as --time-format says", {"time_format": "epoch"}),
        ("1e300", "as --time-format says", {"time_format": "epoch-ms"}),
    ],
)
def test_it_says_what_is_no_time(text, why, how):
    assert why in bad("key,detected_at", f"1,{text}", **how)
