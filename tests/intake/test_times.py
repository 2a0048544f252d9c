"""Times in the formats of other tools: each is the same instant, or refused; none is guessed."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.reasons import Failure
from service.intake.times import read_instant
from service.intake.wire import PayloadError

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
AT = datetime(2026, 11, 23, 18, 4, 5, tzinfo=UTC)
FORMATS = [
    "2026-11-23T18:04:05Z",
    "2026-11-23t18:04:05z",
    "2026-11-24T03:04:05+09:00",
    "2026-11-24 03:04:05 +0900",
    "2026-11-24T03:04:05+09",
    "2026-11-23 18:04:05 UTC",
    "2026-11-23 18:04:05 GMT",
    "2026-11-24 03:04:05 +0900 JST",
    "20261123T180405Z",
    "2026.11.23 18:04:05Z",
    "2026/11/23 18:04:05Z",
    "Mon, 23 Nov 2026 18:04:05 GMT",
    "Tue, 24 Nov 2026 03:04:05 +0900",
    " 1795457045 ",
    "1795457045000",
    1795457045,
    1795457045.0,
    1795457045000,
    1795457045000000,
    1795457045000000000,
]


@pytest.mark.parametrize("value", FORMATS, ids=str)
def test_it_reads_a_time_in_any_format_of_other_tools(value):
    assert read_instant(value, None, NOW) == AT


@pytest.mark.parametrize("text", ["2026-11-23 18:04:05.123456789Z", "2026-11-23T18:04:05,123456Z", "1795457045.123456"])
def test_it_keeps_microseconds(text):
    assert read_instant(text, None, NOW).microsecond == 123456


@pytest.mark.parametrize(
    "text", ["2026-11-24 03:04:05", "2026.11.24 03:04:05", "20261124T030405", "2026-11-24 03:04:05.0"]
)
def test_a_time_without_a_zone_is_in_that_of_its_source(text):
    assert read_instant(text, TOKYO, NOW) == AT
    with pytest.raises(PayloadError, match="no time zone"):
        read_instant(text, None, NOW)


def test_seconds_may_be_left_out():
    assert read_instant("2026-11-23 18:04Z", None, NOW) == AT.replace(second=0)


def test_of_an_hour_that_came_twice_the_one_nearer_to_now_is_meant():
    early, late = datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    for at in (early, late):
        assert read_instant("2026-11-01 01:30:00", NEW_YORK, at) == at


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2026-11-23",
        "23.11.2026 18:04",
        "11/23/2026 6:04 PM",
        "2026-11-23 25:04:05Z",
        "2026-02-30 10:00:00",
        "2026-11.23 18:04:05Z",
        "Mon, 32 Nov 2026 18:04:05 GMT",
        "1969-01-01T00:00:00Z",
        "0001-01-01 00:00:00",
        12,
        "12",
        True,
        None,
        [],
        float("nan"),
        float("-inf"),
        -(10**400),
    ],
    ids=str,
)
def test_it_refuses_what_is_no_time_or_could_mean_two(value):
    with pytest.raises(PayloadError):
        read_instant(value, TOKYO, NOW, "at")


@pytest.mark.parametrize(
    "value", ["2026-11-23T19:06:00Z", "9999-12-31 23:59:59", 1795461000, 10**30, 10**400, 1e300, float("inf")]
)
def test_a_time_in_the_future_is_told_apart(value):
    with pytest.raises(PayloadError) as caught:
        read_instant(value, NEW_YORK, NOW, "at")
    assert caught.value.reason is Failure.FUTURE


@given(st.text(max_size=40) | st.integers() | st.floats() | st.text("0123456789-.:TZ +", max_size=30))
def test_it_raises_nothing_but_its_own_error(value):
    with suppress(PayloadError):
        assert read_instant(value, NEW_YORK, NOW).tzinfo is not None
