"""Times of other people's files."""

from zoneinfo import ZoneInfo

import pytest

from tests.history.importing import error_of, event_times, import_line

BERLIN = ZoneInfo("Europe/Berlin")


def at(text, **how):
    return event_times(import_line("key,detected_at,resolved_by", f'1,"{text}",', **how))["detected"]


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
    why = error_of("key,detected_at", "1,2026-10-01 09:00:00")
    assert "has no time zone; append Z or an offset such as +09:00, or give --timezone" in why
    assert at("2026-10-01 18:00:00", zone=ZoneInfo("Asia/Tokyo")) == "2026-10-01T09:00:00"


def test_a_zone_of_its_own_counts_before_the_given_one():
    assert at("2026-10-01 18:00:00Z", zone=ZoneInfo("Asia/Tokyo")) == "2026-10-01T18:00:00"


def test_what_a_clock_showed_twice_or_never_is_refused():
    assert "ambiguous" in error_of("key,detected_at", "1,2026-10-25 02:30", zone=BERLIN)
    assert "does not exist in this zone" in error_of("key,detected_at", "1,2026-03-29 02:30", zone=BERLIN)
    assert at("2026-03-29 03:30", zone=BERLIN) == "2026-03-29T01:30:00"


def test_other_ways_of_writing_are_named():
    assert at("01/10/2026 11:00", time_formats=("%d/%m/%Y %H:%M",), zone=BERLIN) == "2026-10-01T09:00:00"
    assert at("01.10.2026 11:00 +0200", time_formats=("%d.%m.%Y %H:%M %z",)) == "2026-10-01T09:00:00"
    assert at("1790845200", time_formats=("epoch",)) == "2026-10-01T09:00:00"
    assert at("1790845200000", time_formats=("epoch-ms",)) == "2026-10-01T09:00:00"


@pytest.mark.parametrize(
    ("text", "why", "how"),
    [
        ("2026-10-01", "is a day without a time", {}),
        ("01/10/2026 09:00", "other formats need --time-format", {}),
        ("yesterday", "is not a time such as", {}),
        ("2026-13-01T00:00:00Z", "is not a valid time", {}),
        ("1969-10-01T00:00:00Z", "outside the years", {}),
        ("0001-01-01T00:00:00+14:00", "outside the years", {}),
        ("9999-12-31T23:59:59-14:00", "outside the years", {}),
        ("2026-11-26T00:06:00Z", "is in the future", {}),
        ("23.11.2026", "matches neither --time-format", {"time_formats": ("%d/%m/%Y",)}),
        ("soon", "matches neither --time-format", {"time_formats": ("epoch",)}),
        ("inf", "matches neither --time-format", {"time_formats": ("epoch",)}),
        ("1e300", "matches neither --time-format", {"time_formats": ("epoch-ms",)}),
        ("2/3/26 10:00", "several of --time-format", {"time_formats": ("%d/%m/%y %H:%M", "%m/%d/%y %H:%M")}),
    ],
)
def test_it_says_what_is_no_time(text, why, how):
    assert why in error_of("key,detected_at", f"1,{text}", **how)


@pytest.mark.parametrize("text", ["01/10/2026 11:00", "1790845200", "2026-10-01T09:00:00Z"])
def test_one_file_may_write_times_in_several_ways(text):
    assert at(text, time_formats=("%d/%m/%Y %H:%M", "epoch"), zone=BERLIN) == "2026-10-01T09:00:00"


def test_formats_that_agree_may_both_fit():
    assert at("3/3/26 10:00", time_formats=("%d/%m/%y %H:%M", "%m/%d/%y %H:%M"), zone=BERLIN) == "2026-03-03T09:00:00"


@pytest.mark.parametrize("nothing", ["", "-", "?", "N/A", "null", "NaT", "0000-00-00 00:00:00"])
def test_what_tools_write_for_no_time_is_none(nothing):
    past = import_line("key,detected_at,acknowledged_at,resolve_seconds", f"1,2026-11-25T20:00:00Z,{nothing},{nothing}")
    assert list(event_times(past)) == ["detected"]
