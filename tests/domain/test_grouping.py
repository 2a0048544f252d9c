"""Which events go with which part of an incident that turned out to be several."""

from datetime import timedelta

import pytest

from service.domain.events import EventKind
from service.domain.grouping import Part, assign, clusters, connected, distribute
from service.domain.history import effective
from service.domain.recovery import Recovery
from tests.builders import at, episode, event

K = EventKind
PARTS = [Part(1, (at(0), at(10))), Part(2, (at(60),))]
WINDOW = timedelta(minutes=15)


def place(*events):
    """The incident of each event, by its id."""
    return {e.event_id: part for part, events_ in distribute(events, 1, PARTS).items() for e in events_}


@pytest.mark.parametrize(
    ("kind", "minute", "part"),
    [
        (K.ACKNOWLEDGED, 59, 1),
        (K.ACKNOWLEDGED, 60, 2),
        (K.ACKNOWLEDGED, -5, 1),
        (K.RESOLVED, 61, 2),
        (K.NOTE, 100, 2),
        (K.STARTED, 9, 1),
        (K.STARTED, 50, 2),
        (K.DETECTED, 90, 2),
        (K.POSTMORTEM_DRAFTED, 300, 1),
        (K.ACTION_OPENED, 300, 1),
    ],
)
def test_it_places_an_event_by_the_time_it_was_sent_with_and_the_postmortem_where_it_was_sent(kind, minute, part):
    assert place(event(kind, minute, event_id="e")) == {"e": part}


def test_it_places_a_correction_or_retraction_with_what_it_is_about():
    events = [
        event(K.ACKNOWLEDGED, 65, event_id="ack"),
        event(K.CORRECTED, 70, event_id="c", data={"event_id": "ack", "occurred_at": at(5).isoformat()}),
        event(K.RETRACTED, 71, event_id="r", data={"event_id": "c"}),
        event(K.RETRACTED, 72, event_id="x", data={"event_id": "unknown"}),
    ]
    assert place(*events) == {"ack": 2, "c": 2, "r": 2, "x": 1}


@pytest.mark.parametrize(
    ("milestone", "minute", "part"),
    [("acknowledged", 65, 2), ("started", 55, 2), ("resolved", 30, 1), ("drafted", 99, 1)],
)
def test_it_places_a_corrected_milestone_by_the_time_it_is_given(milestone, minute, part):
    data = {"milestone": milestone, "occurred_at": at(minute).isoformat()}
    assert place(event(K.CORRECTED, 400, event_id="c", data=data)) == {"c": part}


def test_it_leaves_an_incident_its_later_episodes_when_an_earlier_one_turns_out_to_be_anothers():
    first, two = episode(0, id=1, incident_id=1), episode(1, id=2, incident_id=2)
    later = episode(90, id=3, incident_id=2)
    assignment = assign([[first, two], [later]], {})
    assert (assignment.kept, assignment.merges, assignment.fresh) == ({1: 1, 2: 1, 3: 2}, {}, ())


def test_it_joins_clusters_of_two_groups_that_other_sources_call_by_one_name():
    """They have one incident already; what lies further apart than the window is another outage of the same name."""
    near = [[[episode(0, 10, id=1)]], [[episode(20, 30, id=2)]]]
    far = [[[episode(0, 10, id=1)]], [[episode(26, 30, id=2)]]]
    assert [[e.id for e in part] for part in connected(near, WINDOW, {})] == [[1, 2]]
    assert [[e.id for e in part] for part in connected(far, WINDOW, {})] == [[1], [2]]


def test_it_takes_no_resolution_that_lies_before_an_alert_that_fired_meanwhile():
    recovery = Recovery()
    recovery.start(episode(10))
    recovery.act(event(K.RESOLVED, 5))
    assert recovery.resolution() is None


def test_it_keeps_clusters_of_two_groups_apart_that_nobody_calls_by_one_name():
    groups = [[[episode(0, 10, id=1, incident_id=1)]], [[episode(5, 30, id=2, incident_id=2)]]]
    assert [[e.id for e in part] for part in connected(groups, WINDOW, {})] == [[1], [2]]


def test_people_join_what_had_begun_when_they_did():
    """What fires later, near as it may be, is an incident of its own where its group says so."""
    groups = [[[episode(0, id=1)]], [[episode(20, 30, id=2)], [episode(50, id=3)]]]
    parts = connected(groups, WINDOW, {1: at(40)})
    assert [[e.id for e in part] for part in parts] == [[1, 2], [3]]
    assignment = assign(parts, {1: at(40)})
    assert (assignment.kept, assignment.fresh) == ({1: 1, 2: 1}, ((3,),))


def test_people_join_two_outages_that_lie_far_apart():
    parts = [[episode(0, 5, id=1)], [episode(90, 95, id=2)]]
    assert assign(parts, {1: at(100)}).kept == {1: 1, 2: 1}
    assert assign(parts, {1: at(89)}).fresh == ((2,),)


def split(*episodes, events):
    return [[e.id for e in group] for group in clusters(episodes, {1: effective(events)}, WINDOW)]


def test_a_closing_counts_from_when_it_was_sent_whatever_time_it_is_given_later():
    dismissed = event(K.DISMISSED, 62, event_id="d")
    earlier = event(K.CORRECTED, 63, data={"event_id": "d", "occurred_at": at(5).isoformat()})
    assert split(episode(45, id=1), episode(61, id=2), events=[dismissed, earlier]) == [[1, 2]]
    assert split(episode(45, id=1), episode(63, id=2), events=[dismissed, earlier]) == [[1], [2]]


def test_a_closing_before_the_detection_counts_as_at_the_detection():
    assert split(episode(28, id=1), episode(28, id=2), events=[event(K.DISMISSED, 3)]) == [[1, 2]]
    assert split(episode(28, id=1), episode(44, id=2), events=[event(K.DISMISSED, 3)]) == [[1], [2]]


def test_it_is_resolved_by_its_alerts_when_the_last_of_them_ended_behind_a_reopening():
    recovery = Recovery()
    for episode_ in (episode(0, 20, id=1), episode(0, 40, id=2)):
        recovery.start(episode_)
    recovery.act(event(K.REOPENED, 30))
    resolution = recovery.resolution()
    assert resolution is not None
    assert resolution.at == at(40)
