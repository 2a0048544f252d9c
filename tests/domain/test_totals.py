"""What an incident adds to the running totals, once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.events import EventKind
from service.domain.incident import fold
from service.domain.policy import Indicator, Severity, Stage, Statistic, Target
from service.domain.totals import INFINITE, Counted, IncidentCount, Increment, bucket, bucket_bounds_of, increments
from tests.builders import REVIEW, at, event, policy

K = EventKind
LIMITS = bucket_bounds_of(policy())
OPENED, RESOLVED, DISMISSED = IncidentCount
DETECT, ACKNOWLEDGE, MITIGATE, RESOLVE, DRAFT, FINALIZE = Indicator


def count(*days, counted=Counted.NOTHING, now=None):
    """What each of the successive histories of one incident adds, long after all of it."""
    increments_by_day = []
    for events in days:
        incident = fold(1, events, [], policy(), at(0))
        added, counted = increments(incident, counted, policy(), LIMITS, now or at(10**5))
        increments_by_day.append({(increment.indicator, increment.resolution_source): increment for increment in added})
    return increments_by_day


def test_it_has_every_target_and_deadline_as_a_bound():
    rules = policy()
    promised = [t.limit for t in rules.targets]
    promised += [due for of in rules.deadlines.values() for due in of.values() if due is not REVIEW]
    assert {int(p.total_seconds()) for p in promised} <= set(LIMITS)


def test_it_has_a_bound_for_a_target_of_ones_own():
    odd = Target(Indicator.ACKNOWLEDGE, Statistic.P95, timedelta(seconds=417))
    deadlines = {Severity.SEV_1: {Stage.DRAFT: timedelta(hours=7), Stage.FINAL: REVIEW}}
    assert {417, 7 * 3600} <= set(bucket_bounds_of(policy(targets=(odd,), deadlines=deadlines)))


@pytest.mark.parametrize(
    ("seconds", "le"), [(0, 60), (60, 60), (60.001, 120), (28 * 86400, 28 * 86400), (28 * 86400 + 1, INFINITE)]
)
def test_it_puts_a_sample_into_the_first_bucket_that_holds_it(seconds, le):
    assert bucket(timedelta(seconds=seconds), LIMITS) == le


def test_it_counts_an_incident_when_it_opens_with_the_severity_it_opens_with():
    opened = [event(K.DETECTED, severity=Severity.SEV_2)]
    first, later = count(opened, [*opened, event(K.SEVERITY_CHANGED, 5, severity=Severity.SEV_1)])
    assert first == {(OPENED, ""): Increment(OPENED, Severity.SEV_2)}
    assert later == {}


def test_it_samples_the_intervals_when_the_incident_resolves():
    events = [event(K.STARTED, -4), event(K.DETECTED), event(K.ACKNOWLEDGED, 3), event(K.MITIGATED, 11)]
    before, after = count(events, [*events, event(K.RESOLVED, 30)])
    assert set(before) == {(OPENED, "")}
    assert {m: (increment.seconds, increment.le) for (m, _), increment in after.items() if increment.le} == {
        DETECT: (240, 300),
        ACKNOWLEDGE: (180, 300),
        MITIGATE: (660, 900),
        RESOLVE: (1800, 1800),
    }
    assert (RESOLVED, "human") in after


def test_it_samples_a_lead_time_when_the_stage_is_reached_though_the_incident_is_open():
    events = [event(K.STARTED), event(K.DETECTED)]
    _, drafted, final = count(
        events, events := [*events, event(K.POSTMORTEM_DRAFTED, 60)], [*events, event(K.POSTMORTEM_FINALIZED, 90)]
    )
    assert drafted == {(DRAFT, ""): Increment(DRAFT, Severity.SEV_3, le=3600, seconds=3600.0)}
    assert set(final) == {(FINALIZE, "")}


def test_it_samples_a_lead_time_from_the_detection_where_the_start_is_unknown():
    (added,) = count([event(K.DETECTED), event(K.POSTMORTEM_DRAFTED, 60)])
    assert added[DRAFT, ""].seconds == 3600


def test_it_takes_a_final_document_for_the_draft_as_well():
    (added,) = count([event(K.DETECTED), event(K.POSTMORTEM_FINALIZED, 60)])
    assert (added[DRAFT, ""].seconds, added[FINALIZE, ""].seconds) == (3600, 3600)


def test_it_samples_nothing_before_the_resolution_is_settled():
    events = [event(K.DETECTED), event(K.ACKNOWLEDGED, 3), event(K.RESOLVED, 30)]
    (early,) = count(events, now=at(44))
    (settled,) = count(events, now=at(45))
    assert set(early) == {(OPENED, ""), (RESOLVED, "human")}
    assert set(settled) - set(early) == {(ACKNOWLEDGE, ""), (RESOLVE, "")}


def test_it_samples_the_resolution_that_counts_in_the_end_where_it_was_reopened_in_time():
    resolved = [event(K.DETECTED), event(K.RESOLVED, 30)]
    again = [*resolved, event(K.REOPENED, 40), event(K.RESOLVED, 90)]
    _, opened = increments(fold(1, resolved, [], policy(), at(0)), Counted.NOTHING, policy(), LIMITS, at(31))
    (added,) = count(again, counted=opened)
    assert added[RESOLVE, ""].seconds == 5400


def test_it_counts_nothing_twice_after_reopening():
    resolved = [event(K.DETECTED), event(K.ACKNOWLEDGED, 2), event(K.RESOLVED, 30)]
    reopened = [*resolved, event(K.REOPENED, 40)]
    first, second, third = count(resolved, reopened, [*reopened, event(K.RESOLVED, 90)])
    assert (RESOLVE, "") in first
    assert second == third == {}


def test_it_samples_later_what_becomes_known_later():
    resolved = [event(K.DETECTED), event(K.RESOLVED, 30, data={"automated": True})]
    first, second = count(resolved, [*resolved, event(K.STARTED, -2)])
    assert (DETECT, "") not in first
    assert set(second) == {(DETECT, "")}


def test_it_never_takes_back_what_a_correction_moves():
    resolved = [event(K.DETECTED), event(K.RESOLVED, 30)]
    shorter = event(K.CORRECTED, 31, data={"event_id": "resolved-30", "occurred_at": at(5).isoformat()})
    assert count(resolved, [*resolved, shorter])[1] == {}


def test_it_counts_a_stale_resolution_and_samples_none_of_resolve():
    (added,) = count([event(K.DETECTED), event(K.RESOLVED, 1440, data={"resolution_source": "stale"})])
    assert set(added) == {(OPENED, ""), (RESOLVED, "stale")}


def test_it_samples_no_negative_interval():
    (added,) = count([event(K.DETECTED), event(K.RESOLVED, -5)])
    assert set(added) == {(OPENED, ""), (RESOLVED, "human")}


def test_it_counts_a_dismissal_once_and_nothing_else():
    events = [event(K.STARTED, -4), event(K.DETECTED), event(K.RESOLVED, 3), event(K.DISMISSED, 5)]
    assert set(count(events)[0]) == {(OPENED, ""), (DISMISSED, "")}
    opened, dismissed, again = count(events[:2], events, [*events, event(K.NOTE, 9, data={"text": "x"})])
    assert set(opened) == {(OPENED, "")}
    assert set(dismissed) == {(DISMISSED, "")}
    assert again == {}


lives = st.lists(
    st.sampled_from(
        [K.STARTED, K.ACKNOWLEDGED, K.MITIGATED, K.RESOLVED, K.REOPENED, K.DISMISSED, K.POSTMORTEM_DRAFTED]
    ),
    max_size=10,
)


@given(lives, st.integers(1, 9))
def test_it_adds_each_thing_at_most_once_in_a_life(life, step):
    history = [event(K.DETECTED)] + [event(kind, n * step, event_id=str(n)) for n, kind in enumerate(life)]
    added_by_day = count(*(history[: n + 1] for n in range(len(history))))
    keys = [indicator for added in added_by_day for indicator, _ in added]
    assert len(keys) == len(set(keys))
