"""How durations are shown: exact to the second, and never as a target that was missed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.durations import duration
from service.settings.durations import parse_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0s"),
        (0, "0s"),
        (40, "40s"),
        (359, "5m59s"),
        (5400, "90m"),
        (7199, "119m59s"),
        (7200, "2h"),
        (7230, "2h30s"),
        (252_000, "70h"),
        (259_200, "72h"),
        (432_000, "5d"),
        (266_645, "3d2h4m5s"),
    ],
)
def test_it_writes_durations(seconds, text):
    assert duration(timedelta(seconds=seconds)) == text


@given(st.timedeltas(timedelta(0), timedelta(days=400)), st.integers(0, 10_000_000))
def test_what_is_shown_is_within_a_target_exactly_if_the_duration_is(length, seconds):
    target = timedelta(seconds=seconds)
    assert (parse_duration(duration(length)) <= target) == (length <= target)
