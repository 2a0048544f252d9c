"""Times in two zones, as people write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.postmortems.times import TimeFault, offset, read_times
from service.postmortems.zones import zone_names

TOKYO, BERLIN, SAO_PAULO = (ZoneInfo(name) for name in ("Asia/Tokyo", "Europe/Berlin", "America/Sao_Paulo"))


def at(hour, minute, day=12, second=0):
    return datetime(2025, 8, day, hour, minute, second, tzinfo=UTC)


def faults(text, zone=TOKYO, after=None):
    return [faulty.fault for faulty in read_times(text, zone, after).faults]


@pytest.mark.parametrize(
    ("text", "instants"),
    [
        ("2025-08-12 06:50 UTC / 15:50 JST", [at(6, 50)]),
        ("2025-08-12 06:50Z (15:50 JST)", [at(6, 50)]),
        ("2025/8/12 06:50 GMT、15:50JST検知", [at(6, 50)]),
        ("2025-08-12T06:50:10Z／2025-08-12T15:50:10+09:00", [at(6, 50, second=10)]),
        ("2025-08-12 (火) 06:50 UTC / 15:50 +0900", [at(6, 50)]),
        ("15:50 JST / 2025-08-12 06:50 UTC", [at(6, 50)]),
        ("2025-08-12 22:10 UTC / 2025-08-13 07:10 JST", [at(22, 10)]),
        ("2025-08-12 22:10 UTC / 07:10 JST", [at(22, 10)]),
        ("2025-08-12 06:50–08:10 UTC (15:50–17:10 JST)", [at(6, 50), at(8, 10)]),
        ("2025-08-12 06:50 UTC / 15:50 JST – 08:10 UTC / 17:10 JST", [at(6, 50), at(8, 10)]),
        ("2025-08-12 23:50 UTC / 08:50 JST – 00:10 UTC / 09:10 JST", [at(23, 50), at(0, 10, day=13)]),
        ("2025-08-12 06:50:30 UTC / 15:50 JST", [at(6, 50, second=30)]),
        ("2025-08-12 06:50-08:10 UTC / 15:50-17:10 JST", [at(6, 50), at(8, 10)]),
        ("2025-08-12 06:50 UTC-08:10 UTC / 15:50 JST-17:10 JST", [at(6, 50), at(8, 10)]),
        ("2025-08-12 17:08-17:20 UTC / 2025-08-13 02:08-02:20 JST", [at(17, 8), at(17, 20)]),
        ("2025年8月12日 6時50分 UTC / 15時50分10秒 JST", [at(6, 50)]),
        ("2025-08-12 06：50 utc / 15：50 jst", [at(6, 50)]),
        ("2025-08-12 06:50z / 15:50 UTC+9", [at(6, 50)]),
        ("2025-08-12 06:50 (UTC) / 15:50 (JST)", [at(6, 50)]),
        ("2025-08-12 6:50 AM UTC / 午後3:50 JST", [at(6, 50)]),
        ("2025-08-12 06:50 UTC / 08:50 Europe/Berlin", [at(6, 50)]),
        ("12:34:56:78 と 1.12:30 は時刻ではない", []),
    ],
)
def test_it_reads_instants(text, instants):
    assert list(read_times(text, TOKYO).instants) == instants
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-08-12 06:50 UTC", [TimeFault.NO_LOCAL]),
        ("2025-08-12 15:50 JST", [TimeFault.NO_UTC]),
        ("2025-08-12 06:50", [TimeFault.UNKNOWN_ZONE]),
        ("2025-08-12 06:50 UTC / 02:50 EDT", [TimeFault.NO_LOCAL, TimeFault.UNKNOWN_ZONE]),
        ("2025-08-12 06:50 UTC / 16:50 JST", [TimeFault.UNEQUAL]),
        ("2025-08-12 06:50 UTC / 2025-08-13 15:50 JST", [TimeFault.UNEQUAL]),
        ("2025-08-12 06:50:10 UTC / 15:50:20 JST", [TimeFault.UNEQUAL]),
        ("2025-08-12 06:50 UTC / 15:50 +08:00", [TimeFault.NO_LOCAL, TimeFault.UNKNOWN_ZONE]),
        ("2025-08-12 06:50 UTC / 15:50 UTC+25", [TimeFault.NO_LOCAL, TimeFault.NO_LOCAL]),
        ("2025-08-12 06:50-09:00", [TimeFault.UNKNOWN_ZONE]),
        ("2022-08-03 12:26-12:??", [TimeFault.UNKNOWN_ZONE]),
        ("2025-08-12 06:50 API/Gateway", [TimeFault.UNKNOWN_ZONE]),
        ("2025-08-12 13:50 PM UTC", [TimeFault.IMPOSSIBLE]),
        ("2025-08-12 24:50 UTC", [TimeFault.IMPOSSIBLE]),
        ("2025-02-30 06:50 UTC", [TimeFault.IMPOSSIBLE]),
        ("0001-01-01 06:50 UTC", [TimeFault.IMPOSSIBLE]),
    ],
)
def test_it_says_what_is_wrong(text, expected):
    assert faults(text) == expected


def test_it_tells_the_right_local_time():
    (faulty,) = read_times("2025-08-12 22:10 UTC / 2025-08-12 07:10 JST", TOKYO).faults
    assert (faulty.words, faulty.expected, faulty.start) == ("2025-08-12 07:10 JST", "2025-08-13 07:10", 23)


def test_it_takes_the_day_from_what_is_ahead():
    assert read_times("08:10 UTC / 17:10 JST", TOKYO, at(6, 50)).instants == (at(8, 10),)
    assert read_times("00:10 UTC / 09:10 JST", TOKYO, at(23, 50)).instants == (at(0, 10, day=13),)
    assert read_times("06:00 UTC / 15:00 JST", TOKYO, at(6, 50)).instants == (at(6, 0),)


def test_it_knows_no_instant_without_any_day():
    assert read_times("08:10 UTC / 17:10 JST", TOKYO).instants == ()


def test_it_follows_the_clocks_of_the_zone():
    assert zone_names(BERLIN) == {"CET", "CEST"}
    assert faults("2025-08-12 06:50 UTC / 08:50 CEST", BERLIN) == []
    assert faults("2025-01-12 06:50 UTC / 07:50 CET", BERLIN) == []
    assert faults("2025-01-12 06:50 UTC / 07:50 +01:00", BERLIN) == []
    assert faults("2025-08-12 06:50 UTC / 07:50 CET", BERLIN) == [TimeFault.UNEQUAL]
    assert faults("2025-08-12 06:50 UTC / 03:50 -03", SAO_PAULO) == []


def test_winter_in_london_is_local_time_and_not_utc():
    london = ZoneInfo("Europe/London")
    assert faults("2025-01-12 06:50 UTC / 06:50 GMT", london) == []
    assert faults("2025-08-12 06:50 UTC / 07:50 BST", london) == []
    assert faults("2025-01-12 06:50 GMT", london) == [TimeFault.NO_UTC]


def test_it_needs_no_second_time_where_people_live_by_utc():
    assert faults("2025-08-12 06:50 UTC", ZoneInfo("UTC")) == []


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("T0 検知", timedelta(0)),
        ("T+5m 抑制", timedelta(minutes=5)),
        ("T-3m", timedelta(minutes=-3)),
        ("T+1h30m", timedelta(minutes=90)),
        ("T+2d", timedelta(days=2)),
        ("T+90min", timedelta(minutes=90)),
        ("T+ abc", None),
        ("BT0", None),
        ("検知", None),
    ],
)
def test_it_reads_offsets(text, length):
    assert offset(text) == length
