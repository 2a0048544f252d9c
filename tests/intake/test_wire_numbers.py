"""Numbers that no JSON reader should take."""

from datetime import UTC, datetime, timedelta

import pytest

from service.intake.wire import PayloadError, _finite, unix_instant

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)


def test_a_number_beyond_all_floats_is_refused():
    with pytest.raises(PayloadError, match="out of range"):
        _finite("1e999")


def test_unix_seconds_are_read_within_the_clock_skew():
    assert unix_instant(NOW.timestamp() + 299.5, NOW, "since") == NOW + timedelta(seconds=299.5)


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(300, "invalid_payload"), (-1e300, "invalid_payload"), (1.8e12, "future"), (1e300, "future")],
)
def test_a_number_that_is_no_time_is_refused_with_its_place(seconds, reason):
    with pytest.raises(PayloadError, match="#/since") as caught:
        unix_instant(seconds, NOW, "since")
    assert caught.value.reason == reason
