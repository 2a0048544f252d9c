"""How often verdicts, bounds and changes are wrong, by simulation with the service's own functions."""

import pytest

from tests.domain.windows import P95_SHARE, alarms, coverage, false_changes, true_quantile

NUMBER = 4000


@pytest.mark.parametrize("incidents", [3, 6, 10, 20, 40, 72, 100])
def test_its_bounds_lie_on_their_side_of_the_true_quantile(incidents):
    shares = coverage(incidents, NUMBER)
    assert ("p95", "lower") in shares
    assert (("p50", "both") in shares) is (incidents >= 6)
    assert (("p95", "both") in shares) is (incidents >= 72)
    assert min(shares.values()) >= 0.94, shares


@pytest.mark.parametrize("incidents", [3, 5, 10, 14, 20, 30, 60, 100])
def test_it_hardly_ever_calls_a_target_missed_that_is_just_met_as_the_point_does_every_other_time(incidents):
    missed, above = alarms(incidents, NUMBER, true_quantile(P95_SHARE))
    assert missed <= 0.03
    assert above >= 0.1 > missed


@pytest.mark.parametrize(("before", "now"), [(4, 4), (5, 9), (8, 8), (10, 10), (9, 30), (40, 40)])
def test_it_hardly_ever_sees_a_change_that_is_none(before, now):
    assert false_changes(before, now, NUMBER) <= 0.06
