"""Times for people: UTC first, the local zone beside it, and the distance from the detection."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.postmortems.times import offset as read_offset
from service.postmortems.times import read_times
from service.render.timeline import both, offset, span

TOKYO, SAO_PAULO, UTC_ZONE = (ZoneInfo(name) for name in ("Asia/Tokyo", "America/Sao_Paulo", "UTC"))
AT = datetime(2025, 8, 12, 6, 50, 40, tzinfo=UTC)
LATE = datetime(2025, 8, 12, 22, 10, tzinfo=UTC)


def test_it_writes_utc_first_and_the_local_date_only_where_it_is_another():
    assert both(AT, TOKYO) == "2025-08-12 06:50 UTC / 15:50 JST"
    assert both(LATE, TOKYO) == "2025-08-12 22:10 UTC / 2025-08-13 07:10 JST"
    assert both(AT, SAO_PAULO) == "2025-08-12 06:50 UTC / 03:50 -03:00"
    assert both(AT, UTC_ZONE) == "2025-08-12 06:50 UTC"


def test_it_writes_a_stretch_of_time():
    assert span(AT, LATE, "ongoing", UTC_ZONE) == "2025-08-12 06:50 UTC – 2025-08-12 22:10 UTC"
    assert span(AT, None, "継続中", UTC_ZONE) == "2025-08-12 06:50 UTC – 継続中"


@pytest.mark.parametrize("zone", [TOKYO, SAO_PAULO, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), UTC_ZONE])
@pytest.mark.parametrize("at", [AT, LATE, datetime(2025, 1, 31, 23, 59, tzinfo=UTC)])
def test_it_writes_what_the_linter_reads(zone, at):
    read_back = read_times(both(at, zone), zone)
    assert (read_back.instants, read_back.faults) == ((at.replace(second=0),), ())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "T0"),
        (10, "T0"),
        (300, "T+5m"),
        (-180, "T-3m"),
        (5400, "T+90m"),
        (7500, "T+2h5m"),
        (64_800, "T+18h"),
        (252_000, "T+70h"),
    ],
)
def test_it_counts_from_the_detection(seconds, text):
    at = AT + timedelta(seconds=seconds)
    assert offset(at, AT) == text
    assert abs(read_offset(text) - timedelta(seconds=seconds)) < timedelta(minutes=1)


def test_it_counts_nothing_without_a_detection():
    assert offset(AT, None) == ""
