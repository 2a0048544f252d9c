"""What a sample shows about a target, and the bounds of its quantiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from service.domain.policy import Statistic
from service.domain.verdicts import SHARES, Bound, Verdict, quantile_bounds, verdict

SAMPLES = st.lists(st.integers(0, 60).map(float), min_size=1, max_size=200).map(sorted)


@pytest.mark.parametrize(
    ("within", "incidents", "expected"),
    [
        (0, 0, Verdict.UNDECIDED),
        (0, 1, Verdict.UNDECIDED),
        (1, 3, Verdict.MISSED),
        (10, 10, Verdict.UNDECIDED),
        (12, 14, Verdict.UNDECIDED),
        (10, 14, Verdict.MISSED),
        (71, 71, Verdict.UNDECIDED),
        (72, 72, Verdict.MET),
        (108, 109, Verdict.UNDECIDED),
        (109, 110, Verdict.MET),
    ],
)
def test_it_says_what_a_share_shows_about_a_target_for_the_p95(within, incidents, expected):
    assert verdict(within, incidents, SHARES[Statistic.P95]) is expected


@pytest.mark.parametrize("share", SHARES.values())
def test_it_is_met_or_missed_where_the_interval_of_the_share_says_so(share):
    for incidents in (*range(1, 20), 71, 72, 110):
        for within in range(incidents + 1):
            low = stats.beta.ppf(0.025, within, incidents - within + 1) if within else 0
            high = stats.beta.ppf(0.975, within + 1, incidents - within) if within < incidents else 1
            expected = Verdict.MET if low >= share else Verdict.MISSED if high < share else Verdict.UNDECIDED
            assert verdict(within, incidents, share) is expected, (within, incidents)


@given(SAMPLES, st.integers(-1, 61))
def test_it_is_missed_exactly_if_the_lower_bound_lies_above_the_limit_and_met_if_the_upper_one_lies_within(
    ordered, limit
):
    bounds = quantile_bounds(ordered)
    within = sum(sample <= limit for sample in ordered)
    for statistic, share in SHARES.items():
        lower, upper = (bounds.get((statistic, bound)) for bound in Bound)
        result = verdict(within, len(ordered), share)
        assert (result is Verdict.MISSED) is (lower is not None and lower > limit)
        assert (result is Verdict.MET) is (upper is not None and upper <= limit)


@given(SAMPLES)
def test_it_bounds_the_quantiles_by_samples_on_either_side_of_them(ordered):
    for (statistic, bound), seconds in quantile_bounds(ordered).items():
        point = stats.scoreatpercentile(ordered, 100 * SHARES[statistic])
        assert seconds <= point if bound is Bound.LOWER else seconds >= point


def test_it_has_no_bounds_where_the_sample_is_too_small():
    assert quantile_bounds([]) == quantile_bounds([7.0]) == {}
    assert quantile_bounds([7.0, 9.0]) == {(Statistic.P95, Bound.LOWER): 7}
    assert quantile_bounds([1.0, 2, 3, 4, 5, 6]) == {
        (Statistic.P50, Bound.LOWER): 1,
        (Statistic.P50, Bound.UPPER): 6,
        (Statistic.P95, Bound.LOWER): 4,
    }
