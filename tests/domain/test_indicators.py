"""What each indicator measures in one incident, and what is said about many, against other people's arithmetic."""

import random
import statistics
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from service.domain.comparison import WindowChange
from service.domain.indicators import (
    BOUNDS,
    LEAD_TIMES,
    IndicatorSamples,
    Summary,
    began_at,
    intervals,
    is_fresh,
    met_deadline,
    quantile,
    row_of,
    summarize,
    table,
    within_ratio,
)
from service.domain.policy import Indicator, Milestone, Severity, Statistic, Target
from service.domain.recovery import ResolutionSource
from service.domain.verdicts import Bound, TargetVerdict, Verdict
from tests.builders import at as instant
from tests.builders import policy

BEGIN = datetime(2025, 8, 12, 6, 50, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIFE = (
    Milestone.STARTED,
    Milestone.DETECTED,
    Milestone.ACKNOWLEDGED,
    Milestone.MITIGATED,
    Milestone.RESOLVED,
    Milestone.DRAFTED,
    Milestone.FINALIZED,
)


def at(**minutes):
    """Return milestones by their minutes after the beginning."""
    return {Milestone(name): BEGIN + minute * MINUTE for name, minute in minutes.items()}


def minutes(measured):
    return {str(indicator): interval / MINUTE for indicator, interval in measured.intervals.items()}


def measured(source=ResolutionSource.HUMAN, resolve_from=Milestone.DETECTED, **milestones):
    return intervals(at(**milestones), source, resolve_from)


# --- one incident ---------------------------------------------------------------------------------------------------


def test_it_measures_a_whole_incident():
    first = {"started": 0, "detected": 4, "acknowledged": 9, "mitigated": 30, "resolved": 94}
    result = measured(**first, drafted=18 * 60, finalized=70 * 60)
    assert minutes(result) == {
        "detect": 4,
        "acknowledge": 5,
        "mitigate": 26,
        "resolve": 90,
        "draft": 18 * 60,
        "finalize": 70 * 60,
    }
    assert result.invalid == ()


@pytest.mark.parametrize("missing", LIFE)
def test_it_gives_no_sample_where_a_milestone_is_missing(missing):
    milestones = {milestone.value: minute for minute, milestone in enumerate(LIFE) if milestone is not missing}
    result = measured(**milestones)
    from_detection = set(LEAD_TIMES) if missing is Milestone.STARTED else set()
    assert set(result.intervals) == from_detection | {i for i, bounds in BOUNDS.items() if missing not in bounds}
    assert result.invalid == ()


def test_it_runs_lead_times_from_where_their_deadlines_run_and_never_guesses_a_start():
    result = measured(detected=0, resolved=60, drafted=120, finalized=240)
    assert minutes(result) == {"resolve": 60, "draft": 120, "finalize": 240}


def test_it_counts_a_negative_interval_and_gives_no_sample():
    result = measured(started=10, detected=5, acknowledged=7)
    assert minutes(result) == {"acknowledge": 2}
    assert result.invalid == (Indicator.DETECT,)


def test_it_takes_an_interval_of_nothing_as_a_sample():
    result = measured(started=0, detected=0, acknowledged=0)
    assert minutes(result) == {"detect": 0, "acknowledge": 0}
    assert result.invalid == ()


def test_it_takes_a_recovery_before_the_mitigation_as_people_told_it():
    result = measured(detected=0, resolved=20, mitigated=25)
    assert minutes(result) == {"resolve": 20}
    assert result.late == (Milestone.MITIGATED,)


def test_it_gives_no_time_to_resolve_from_an_unknown_start():
    assert measured(resolve_from=Milestone.STARTED, detected=5, resolved=65).intervals == {}


@pytest.mark.parametrize("source", [*ResolutionSource, None])
def test_it_leaves_out_only_resolutions_that_nobody_reported(source):
    result = measured(source, detected=0, acknowledged=2, resolved=1440)
    assert (Indicator.RESOLVE in result.intervals) is (source is not ResolutionSource.STALE)
    assert Indicator.ACKNOWLEDGE in result.intervals


def test_it_does_not_call_a_stale_resolution_invalid():
    assert measured(ResolutionSource.STALE, detected=5, resolved=0).invalid == ()


# --- statistics -----------------------------------------------------------------------------------------------------

ROUNDED = 1 + 1e-12  # a float's last digit
SECONDS = st.lists(st.floats(0, 1e9), min_size=2, max_size=300)


def handling_times(count, seed):
    """Return times as they are in life: lognormal, whole seconds, from minutes to days."""
    chance = random.Random(seed)
    return sorted(float(round(chance.lognormvariate(8.0, 1.4))) for _ in range(count))


@pytest.mark.parametrize("count", [2, 3, 7, 19, 20, 21, 100, 997])
@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_the_standard_library_on_handling_times(count, seed):
    ordered = handling_times(count, seed)
    cuts = statistics.quantiles(ordered, n=100, method="inclusive")
    assert [quantile(ordered, n / 100) for n in range(1, 100)] == pytest.approx(cuts)


@given(SECONDS)
def test_it_agrees_with_the_standard_library_on_anything(samples):
    ordered = sorted(samples)
    cuts = statistics.quantiles(ordered, n=20, method="inclusive")
    assert quantile(ordered, 0.95) == pytest.approx(cuts[18])
    assert quantile(ordered, 0.5) == pytest.approx(statistics.median(ordered))


@given(SECONDS, st.floats(0, 1))
def test_it_never_leaves_the_range_of_its_samples(samples, q):
    ordered = sorted(samples)
    assert ordered[0] <= quantile(ordered, q) <= ordered[-1] * ROUNDED


def test_it_interpolates_between_the_closest_ranks():
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.95) == pytest.approx(3.85)  # numpy.quantile's own answer


def test_it_takes_the_only_sample_for_every_quantile():
    assert [quantile([7.0], q) for q in (0, 0.5, 0.95, 1)] == [7.0] * 4


def test_it_summarizes_samples_in_any_order():
    summary = summarize(iter([40.0, 10.0, 30.0, 20.0]))
    assert summary.incidents == 4
    assert summary.statistics == {
        Statistic.MEAN: 25,
        Statistic.GEOMETRIC_MEAN: pytest.approx(240_000**0.25),
        Statistic.P50: 25,
        Statistic.P95: pytest.approx(38.5),
        Statistic.MAX: 40,
    }


def test_it_says_nothing_about_no_samples():
    assert summarize([]) is None


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=300))
def test_it_has_the_geometric_mean_of_scipy(samples):
    assert summarize(samples).statistics[Statistic.GEOMETRIC_MEAN] == pytest.approx(stats.gmean(samples), rel=1e-9)


def test_a_sample_of_less_than_a_second_makes_no_geometric_mean_0():
    assert summarize([0.0, 0.5, 8.0]).statistics[Statistic.GEOMETRIC_MEAN] == pytest.approx(2)


@given(SECONDS)
def test_it_puts_the_statistics_in_their_natural_order(samples):
    summary = summarize(samples).statistics
    assert summary[Statistic.P50] <= summary[Statistic.P95] * ROUNDED
    assert summary[Statistic.P95] <= summary[Statistic.MAX] * ROUNDED
    assert min(samples) <= summary[Statistic.MEAN] * ROUNDED
    assert summary[Statistic.MEAN] <= summary[Statistic.MAX] * ROUNDED


def test_it_counts_a_sample_on_the_target_as_within():
    assert within_ratio([299.0, 300.0, 300.001, 900.0], 5 * MINUTE) == 0.5


# --- the table ------------------------------------------------------------------------------------------------------

ALL = Target(Indicator.RESOLVE, Statistic.P95, 10 * MINUTE)
SEV_1 = Target(Indicator.RESOLVE, Statistic.MEAN, 2 * MINUTE, Severity.SEV_1)
SEV_2_RESOLVE, SEV_1_RESOLVE = [600.0, 1200.0], [120.0]
GROUPS = {
    None: {
        Indicator.RESOLVE: IndicatorSamples(sorted(SEV_2_RESOLVE + SEV_1_RESOLVE)),
        Indicator.ACKNOWLEDGE: IndicatorSamples([60.0]),
    },
    Severity.SEV_1: {Indicator.RESOLVE: IndicatorSamples(SEV_1_RESOLVE)},
    Severity.SEV_2: {
        Indicator.RESOLVE: IndicatorSamples(SEV_2_RESOLVE),
        Indicator.ACKNOWLEDGE: IndicatorSamples([60.0]),
    },
    Severity.SEV_4: {Indicator.DRAFT: IndicatorSamples()},
}


def test_it_has_a_row_for_all_together_and_for_each_severity_the_worst_first():
    rows = table(GROUPS, policy(targets=()))
    assert [(row.indicator, row.severity, row.summary.incidents) for row in rows] == [
        (Indicator.ACKNOWLEDGE, None, 1),
        (Indicator.ACKNOWLEDGE, Severity.SEV_2, 1),
        (Indicator.RESOLVE, None, 3),
        (Indicator.RESOLVE, Severity.SEV_1, 1),
        (Indicator.RESOLVE, Severity.SEV_2, 2),
    ]


def test_it_holds_each_row_to_its_own_target():
    rows = {
        row.severity: row for row in table(GROUPS, policy(targets=(ALL, SEV_1))) if row.indicator is Indicator.RESOLVE
    }
    assert {severity: (row.target, row.within_target_ratio) for severity, row in rows.items()} == {
        None: (ALL, pytest.approx(2 / 3)),
        Severity.SEV_1: (SEV_1, 1.0),
        Severity.SEV_2: (None, None),
    }


def test_it_has_no_rows_without_samples():
    assert table({}, policy(targets=(ALL,))) == []
    assert table({None: {Indicator.RESOLVE: IndicatorSamples()}}, policy(targets=(ALL,))) == []


def row(samples, indicator=Indicator.RESOLVE, severity=None, targets=(ALL,)):
    return row_of(indicator, severity, samples, policy(targets=targets))


def test_it_judges_only_targets_for_a_quantile():
    assert row(IndicatorSamples([600.0, 601.0])).verdict == TargetVerdict(Verdict.UNDECIDED, 1, 2)
    assert row(IndicatorSamples([600.0]), severity=Severity.SEV_1, targets=(SEV_1,)).verdict is None
    assert row(IndicatorSamples([600.0]), targets=()).verdict is None


def test_it_counts_open_incidents_beyond_the_limit_in_the_verdict_and_not_in_the_statistics():
    judged = row(IndicatorSamples([60.0, 120.0], outside=1))
    assert judged.verdict == TargetVerdict(Verdict.UNDECIDED, 2, 3)
    assert judged.summary.incidents == 2
    assert judged.within_target_ratio == 1.0


def test_it_judges_open_incidents_alone():
    judged = row(IndicatorSamples(outside=2))
    assert judged.verdict == TargetVerdict(Verdict.MISSED, 0, 2)
    assert (judged.summary, judged.within_target_ratio, judged.comparison) == (Summary(0, {}), None, None)
    assert row(IndicatorSamples(outside=2), targets=()) is None


def test_it_compares_with_the_window_before_without_what_could_only_be_quick():
    samples = IndicatorSamples([1.0, 1.0, 600.0, 700.0], fresh=[1.0], before=[500.0], unfinished=2)
    comparison = row(samples).comparison
    assert (comparison.incidents_before, comparison.incidents, comparison.shift) == (1, 3, 100.0)
    assert (comparison.shift, comparison.unfinished) == (100, 2)
    assert comparison.change is WindowChange.UNDECIDED
    assert row(IndicatorSamples([1.0], before=[])).comparison.shift is None
    assert row(IndicatorSamples([1.0])).comparison is None


def test_it_bounds_the_quantiles():
    assert row(IndicatorSamples([1.0, 2.0])).bounds == {(Statistic.P95, Bound.LOWER): 1.0}


def test_it_holds_a_lead_time_to_its_own_deadline_the_weekly_review_included():
    detected = {Milestone.DETECTED: instant(0), Milestone.FINALIZED: instant(0) + timedelta(days=4)}
    assert met_deadline(Indicator.FINALIZE, detected, Severity.SEV_3, policy()) is True
    assert met_deadline(Indicator.FINALIZE, detected, Severity.SEV_1, policy()) is False
    assert met_deadline(Indicator.FINALIZE, detected, Severity.SEV_4, policy()) is True
    assert met_deadline(Indicator.DRAFT, {**detected, Milestone.DRAFTED: instant(1)}, Severity.SEV_4, policy()) is None
    assert met_deadline(Indicator.DRAFT, detected, Severity.SEV_1, policy()) is None
    assert met_deadline(Indicator.RESOLVE, detected, Severity.SEV_1, policy()) is None


def test_it_says_of_lead_times_the_share_of_deadlines_that_were_met():
    groups = {
        None: {Indicator.DRAFT: IndicatorSamples([60.0, 60.0, 120.0], kept=[True, False])},
        Severity.SEV_1: {Indicator.DRAFT: IndicatorSamples([60.0, 120.0], kept=[True, False])},
        Severity.SEV_4: {Indicator.DRAFT: IndicatorSamples([60.0])},
    }
    rows = {row.severity: row.within_target_ratio for row in table(groups, policy(targets=()))}
    assert rows == {None: 0.5, Severity.SEV_1: 0.5, Severity.SEV_4: None}


def test_a_lead_time_meets_its_deadline_to_the_instant():
    hours = 12 * 60
    drafted = {Milestone.DETECTED: instant(0), Milestone.DRAFTED: instant(hours)}
    assert met_deadline(Indicator.DRAFT, drafted, Severity.SEV_1, policy()) is True
    late = {**drafted, Milestone.DRAFTED: instant(hours + 1 / 60)}
    assert met_deadline(Indicator.DRAFT, late, Severity.SEV_1, policy()) is False


# --- what can still meet its target -----------------------------------------------------------------------------------


def test_it_knows_since_when_an_interval_runs():
    assert began_at(Indicator.RESOLVE, at(started=1, detected=5), policy()) == BEGIN + 5 * MINUTE
    assert began_at(Indicator.DRAFT, at(started=1, detected=5), policy()) == BEGIN + MINUTE
    assert began_at(Indicator.DRAFT, at(detected=5), policy()) == BEGIN + 5 * MINUTE
    assert began_at(Indicator.DETECT, at(detected=5), policy()) is None


def test_an_interval_is_fresh_until_its_longest_limit_has_passed():
    longer = Target(Indicator.RESOLVE, Statistic.MAX, 30 * MINUTE, Severity.SEV_2)
    rules = policy(targets=(ALL, SEV_1, longer))
    detected = at(detected=0, resolved=1)
    assert is_fresh(Indicator.RESOLVE, detected, rules, BEGIN + 30 * MINUTE)
    assert not is_fresh(Indicator.RESOLVE, detected, rules, BEGIN + 31 * MINUTE)
    assert not is_fresh(Indicator.ACKNOWLEDGE, detected, rules, BEGIN + MINUTE)
    assert not is_fresh(Indicator.DETECT, detected, rules, BEGIN)
