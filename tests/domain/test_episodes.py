"""From observations to firings, and from firings to incidents."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.episodes import UNASSIGNED, fired_again, spans
from service.domain.events import EventKind
from service.domain.grouping import assign, clusters
from service.domain.history import effective
from tests.builders import at, episode, event, report

WINDOW = timedelta(minutes=15)


def fired(*observations):
    """The firings of one alert as minutes."""
    return [(s.starts_at, s.ends_at) for s in spans(observations, WINDOW)]


def split(*episodes, closed=None):
    """The ids of the episodes of each incident."""
    histories = {i: effective([event(EventKind.RESOLVED, minute)]) for i, minute in (closed or {}).items()}
    return [[e.id for e in group] for group in clusters(episodes, histories, WINDOW)]


def test_it_sees_one_firing_in_a_firing_and_its_resolved():
    assert fired(report(0), report(0, 5)) == [(at(0), at(5))]


def test_it_moves_a_start_earlier_and_never_later():
    assert fired(report(10), report(4), report(12)) == [(at(4), None)]


def test_it_takes_the_latest_of_the_reported_ends():
    assert fired(report(0, 9), report(0, 5), report(5)) == [(at(0), at(9))]


def test_it_takes_an_end_back_that_its_own_sender_takes_back():
    """Alertmanager 952: it resolves when Prometheus is out of reach, and goes on with the same start."""
    reports = [report(0, received=1, last=7, peer="a"), report(0, 5, received=5, peer="a")]
    assert fired(*reports) == [(at(0), None)]
    assert fired(*reports, report(0, 60, received=61, peer="a")) == [(at(0), at(60))]


@pytest.mark.parametrize(
    "late",
    [
        report(0, received=7, peer="a"),
        report(0, received=1, last=7, peer="other"),
        report(0, received=1, last=4, peer="a"),
    ],
    ids=["first heard behind the end", "another peer", "before the end"],
)
def test_it_takes_nothing_back_for_a_late_firing(late):
    assert fired(report(0, 5, received=5, peer="a"), late) == [(at(0), at(5))]


def test_a_sender_that_does_not_name_its_instance_takes_nothing_back():
    """Its firing may be a retry: it was recorded, the answer was lost, and the end came first."""
    assert fired(report(0, received=1, last=7), report(0, 5, received=5)) == [(at(0), at(5))]


def test_it_ends_again_by_any_end_that_comes_later_even_a_repeat():
    taken_back, end = report(0, received=1, last=7, peer="a"), report(0, 5, received=5, peer="a")
    assert fired(taken_back, report(0, 5, received=5, last=8, peer="a")) == [(at(0), at(5))]
    assert fired(taken_back, end, report(0, 5, received=8, peer="other")) == [(at(0), at(5))]


def test_it_does_not_know_the_end_of_a_firing_that_ended_unheard():
    first, second = spans([report(0), report(10), report(60)], WINDOW)
    assert (first.starts_at, first.ends_at, first.end_unknown) == (at(0), at(10), True)
    assert (second.starts_at, second.ends_at, second.end_unknown) == (at(60), None, False)


def test_it_knows_the_end_as_soon_as_somebody_reports_it_however_late():
    first, second = spans([report(0), report(60), report(0, 30)], WINDOW)
    assert (first.ends_at, first.end_unknown, second.starts_at) == (at(30), False, at(60))


def test_it_joins_a_start_within_the_window_behind_the_latest():
    assert fired(report(0), report(14), report(28)) == [(at(0), None)]


def test_it_gives_a_start_of_the_impact_to_the_firing_that_it_lies_next_to():
    reports = [report(0), report(0, 30), report(60, onset=55), report(5, onset=-3)]
    assert [s.onset_at for s in spans(reports, WINDOW)] == [at(-3), at(55)]
    reports = [report(0, 30), report(60, onset=-3)]
    assert [s.onset_at for s in spans(reports, WINDOW)] == [at(-3), None]


def test_it_takes_a_start_at_the_very_end_for_a_late_duplicate():
    assert fired(report(0, 5), report(5)) == [(at(0), at(5))]


def test_it_sees_a_new_firing_only_behind_the_end():
    assert fired(report(0, 5), report(5.1)) == [(at(0), at(5)), (at(5.1), None)]


def test_it_prefers_a_reported_end_to_an_assumed_one_however_late():
    (span,) = spans([report(0, 5, stale=True), report(0, 90)], WINDOW)
    assert (span.ends_at, span.stale) == (at(90), False)


def test_it_marks_an_end_that_nobody_reported():
    (span,) = spans([report(0), report(0, 5, stale=True)], WINDOW)
    assert (span.ends_at, span.stale) == (at(5), True)


def test_it_keeps_the_observations_that_a_firing_was_computed_from():
    seen = [report(0), report(0, 5), report(9)]
    assert [set(s.reports) for s in spans(seen, WINDOW)] == [set(seen[:2]), set(seen[2:])]


observed = st.builds(
    lambda start, length, stale: report(start, None if length is None else start + length, stale=stale),
    st.integers(0, 60),
    st.none() | st.integers(0, 30),
    st.booleans(),
)


@given(st.lists(observed, max_size=8).flatmap(lambda reports: st.tuples(st.just(reports), st.permutations(reports))))
def test_it_sees_the_same_firings_whatever_the_order_and_however_often(days):
    reports, shuffled = days
    assert fired(*reports) == fired(*shuffled) == fired(*reports, *shuffled)


@given(st.lists(observed, max_size=8))
def test_it_never_lets_two_firings_of_an_alert_overlap(reports):
    episodes = spans(reports, WINDOW)
    for earlier, later in pairwise(episodes):
        assert earlier.ends_at is not None
        assert earlier.ends_at < later.starts_at


def test_it_joins_what_overlaps():
    assert split(episode(0, 20, id=1), episode(10, 30, id=2)) == [[1, 2]]


def test_it_joins_what_follows_within_the_window():
    assert split(episode(0, 5, id=1), episode(20, 25, id=2)) == [[1, 2]]


def test_it_parts_what_follows_behind_the_window():
    assert split(episode(0, 5, id=1), episode(20.1, 25, id=2)) == [[1], [2]]


def test_it_joins_everything_to_what_still_fires():
    assert split(episode(0, id=1), episode(9000, 9001, id=2)) == [[1, 2]]


def test_it_reckons_the_window_from_the_latest_end_not_the_last_episode():
    assert split(episode(0, 100, id=1), episode(10, 20, id=2), episode(110, id=3)) == [[1, 2, 3]]


def test_it_parts_what_starts_behind_a_resolution_by_people_although_the_alert_still_fires():
    assert split(episode(0, id=1), episode(46, id=2, incident_id=0), closed={1: 30}) == [[1], [2]]


def test_it_joins_what_starts_soon_after_a_resolution_by_people():
    assert split(episode(0, id=1), episode(44, id=2, incident_id=0), closed={1: 30}) == [[1, 2]]


def test_it_reckons_from_the_end_where_the_alert_ended_before_people_closed():
    assert split(episode(0, 5, id=1), episode(30, id=2, incident_id=0), closed={1: 29}) == [[1], [2]]


def test_it_ignores_a_closing_before_the_alert_fired():
    assert split(episode(50, id=1), episode(500, id=2, incident_id=0), closed={1: 30}) == [[1, 2]]


fired_episodes = st.lists(st.tuples(st.integers(0, 120), st.none() | st.integers(0, 40)), min_size=1, max_size=7).map(
    lambda shapes: [
        episode(start, None if length is None else start + length, id=i)
        for i, (start, length) in enumerate(shapes, start=1)
    ]
)


@given(fired_episodes.flatmap(lambda episodes: st.tuples(st.just(episodes), st.permutations(episodes))))
def test_it_splits_the_same_whatever_the_order(days):
    episodes, shuffled = days
    assert split(*episodes) == split(*shuffled)


@given(fired_episodes)
def test_it_parts_two_episodes_exactly_where_nothing_reaches_across(episodes):
    """An independent way to say it: an incident begins where no earlier episode reaches within the window."""
    begins = [
        e
        for e in sorted(episodes, key=lambda e: (e.starts_at, e.id))
        if not any(
            (other.starts_at, other.id) < (e.starts_at, e.id)
            and (other.ends_at is None or other.ends_at + WINDOW >= e.starts_at)
            for other in episodes
        )
    ]
    assert [group[0] for group in split(*episodes)] == [e.id for e in begins]


def test_it_gives_a_cluster_the_earliest_of_its_incidents_and_merges_the_others():
    cluster = [episode(0, id=1, incident_id=7), episode(1, id=2, incident_id=4), episode(2, id=3, incident_id=9)]
    assignment = assign([cluster], {})
    assert assignment.kept == {1: 4, 2: 4, 3: 4}
    assert assignment.merges == {7: 4, 9: 4}
    assert assignment.fresh == ()


def test_it_begins_an_incident_for_episodes_without_one():
    assignment = assign([[episode(0, id=1, incident_id=UNASSIGNED), episode(1, id=2, incident_id=UNASSIGNED)]], {})
    assert assignment.fresh == ((1, 2),)
    assert assignment.kept == assignment.merges == {}


def test_it_takes_new_episodes_into_the_incident_of_their_cluster():
    assignment = assign([[episode(0, id=1, incident_id=3), episode(1, id=2, incident_id=UNASSIGNED)]], {})
    assert assignment.kept == {1: 3, 2: 3}


def test_it_leaves_an_incident_that_turned_out_to_be_two_with_the_earlier():
    assignment = assign([[episode(0, 5, id=1)], [episode(90, id=2)]], {})
    assert assignment.kept == {1: 1}
    assert assignment.fresh == ((2,),)


def test_it_keeps_together_what_people_joined():
    assignment = assign([[episode(0, 5, id=1)], [episode(90, id=2)]], {1: at(90)})
    assert assignment.kept == {1: 1, 2: 1}
    assert assignment.fresh == ()


def test_it_gives_a_start_behind_all_firings_to_the_last_so_that_it_is_seen_to_be_wrong():
    assert [s.onset_at for s in spans([report(0, 5, onset=30)], WINDOW)] == [at(30)]


def test_it_ends_what_fires_by_an_end_without_a_start_and_begins_nothing_by_it():
    assert fired(report(5, 5)) == []
    assert fired(report(0), report(8, 8)) == [(at(0), at(8))]
    assert fired(report(0, 5), report(60, 60)) == [(at(0), at(5))]
    assert fired(report(0), report(0, 0, stale=True)) != []


def test_an_end_is_not_taken_back_by_what_was_first_received_behind_the_first_of_its_senders_ends():
    reports = [report(0, 5, received=5), report(0, 9, received=9), report(0, received=7, last=10)]
    reports = [replace(r, observation=replace(r.observation, peer="a")) for r in reports]
    assert fired(*reports) == [(at(0), at(9))]


def test_a_start_of_the_impact_at_the_end_of_a_firing_is_that_firings():
    reports = [report(0, 5), report(20, onset=5)]
    assert [span.onset_at for span in spans(reports, WINDOW)] == [at(5), None]


def test_alerts_that_begin_when_the_last_one_ends_do_not_fire_again():
    assert fired_again([episode(0, 5), episode(5, 9, id=2)]) == []
    assert fired_again([episode(0, 5), episode(6, 9, id=2)]) == [at(6)]
