"""Taking in events: once each, all or none, where the incident's state allows it."""

import pytest

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.recorder import event_checks
from service.recorder.commands import AppendEvent, Conflict, OpenIncident, UnknownIncident
from service.store.histories import history_of
from tests.builders import alert, at, event, policy
from tests.house import listed, minutes

K, M = EventKind, Milestone


def merge(house, incident_id, into, **fields):
    return house.tell(
        incident_id, K.MERGED, 60, event_id=f"{incident_id}>{into}", data={"into": f"INC-{into}"}, **fields
    )


def milestones(house, incident_id=1):
    return house.get(incident_id).incident.milestones


# -- once each ---------------------------------------------------------------------------------------------------------


def test_it_answers_what_became_of_the_incident(house):
    house.open()
    outcome = house.tell(1, K.ACKNOWLEDGED, 5)
    assert (outcome.incident_id, outcome.phase, outcome.created) == (1, Phase.ACKNOWLEDGED, True)


def test_it_takes_in_an_event_once_however_often_it_is_sent(house):
    house.open()
    assert house.tell(1, K.ACKNOWLEDGED, 5, event_id="a").created
    repeat = house.tell(1, K.ACKNOWLEDGED, 5, event_id="a")
    assert (repeat.created, repeat.phase) == (False, Phase.ACKNOWLEDGED)
    assert len(house.get(1).events) == 2


def test_it_keeps_the_first_of_two_events_of_one_id(house):
    house.open()
    house.tell(1, K.ACKNOWLEDGED, 5, event_id="a")
    house.tell(1, K.ACKNOWLEDGED, 2, event_id="a")
    assert milestones(house)[M.ACKNOWLEDGED] == at(5)


def test_it_refuses_an_id_that_names_another_kind(house):
    house.open()
    house.tell(1, K.ACKNOWLEDGED, 5, event_id="a")
    with pytest.raises(Conflict, match=r"'a' already belongs to an event \(acknowledged\)"):
        house.tell(1, K.MITIGATED, 6, event_id="a")
    assert M.MITIGATED in milestones(house) or len(house.get(1).events) == 2


def test_it_may_see_the_same_id_in_other_incidents(house):
    house.open()
    house.open()
    assert house.tell(1, K.ACKNOWLEDGED, 5, event_id="a").created
    assert house.tell(2, K.RESOLVED, 5, event_id="a").created


def test_it_refuses_an_event_of_an_incident_that_never_was(house):
    with pytest.raises(UnknownIncident, match="there is no incident INC-7"):
        house.tell(7, K.ACKNOWLEDGED, 5)
    assert house.rows("select count(*) from events") == [(0,)]


def test_it_opens_an_incident_by_hand_with_several_events(house):
    (outcome,) = house.submit(OpenIncident((event(K.DETECTED), event(K.STARTED, -5, severity=Severity.SEV_1))))
    assert outcome.created
    assert milestones(house) == {M.STARTED: at(-5), M.DETECTED: at(0)}
    assert house.get(1).incident.severity is Severity.SEV_1


# -- by the sender's own key -------------------------------------------------------------------------------------------


def test_it_opens_an_incident_for_the_first_event_of_a_key(house):
    (outcome,) = house.hook(("jira-42", event(K.DETECTED)))
    assert (outcome.incident_id, outcome.created) == (1, True)
    assert [o.incident_id for o in house.hook(("jira-42", event(K.RESOLVED, 9)), ("jira-43", event(K.DETECTED)))] == [
        1,
        2,
    ]


def test_it_answers_for_each_event_in_order(house):
    outcomes = house.hook(
        ("b", event(K.DETECTED)), ("a", event(K.DETECTED)), ("b", event(K.RESOLVED, 5)), ("b", event(K.DETECTED))
    )
    assert [(o.incident_id, o.phase, o.created) for o in outcomes] == [
        (1, Phase.RESOLVED, True),
        (2, Phase.DETECTED, True),
        (1, Phase.RESOLVED, True),
        (1, Phase.RESOLVED, False),
    ]


def test_it_closes_an_incident_by_webhook_at_the_time_of_the_event(house):
    house.hook(("k", event(K.DETECTED)))
    house.hook(("k", event(K.RESOLVED, 30, recorded_at=at(90))))
    assert milestones(house)[M.RESOLVED] == at(30)


def test_it_moves_no_milestone_for_what_is_said_later(house):
    """An edit long after the recovery must not lengthen the time to resolve."""
    house.open(event(K.DETECTED), event(K.RESOLVED, 30))
    house.tell(1, K.NOTE, 5000, data={"text": "renamed"}, title="Another title")
    assert milestones(house)[M.RESOLVED] == at(30)


def test_it_takes_in_all_events_of_a_body_or_none(house):
    with pytest.raises(UnknownIncident):
        house.hook(("a", event(K.DETECTED)), ("b", event(K.MERGED, 5, data={"into": "INC-99"})))
    for table in ("incidents", "events", "incident_keys", "deliveries", "totals"):
        assert house.rows(f"select count(*) from {table}") == [(0,)]


def test_it_finds_an_incident_by_any_key_of_those_that_were_merged(house):
    house.hook(("a", event(K.DETECTED)), ("b", event(K.DETECTED, 1)))
    merge(house, 2, 1)
    (outcome,) = house.hook(("b", event(K.RESOLVED, 9)))
    assert outcome.incident_id == 1
    assert milestones(house)[M.RESOLVED] == at(9)


# -- merges by people --------------------------------------------------------------------------------------------------


def test_it_merges_incidents_and_leaves_the_old_id_pointing(house):
    house.open(event(K.DETECTED, 5))
    house.open(event(K.DETECTED, 2), event(K.ACKNOWLEDGED, 7))
    assert merge(house, 2, 1).incident_id == 1
    assert milestones(house, 2) == milestones(house, 1) == {M.DETECTED: at(2), M.ACKNOWLEDGED: at(7)}
    assert house.get(2).incident.id == 1


def test_it_takes_events_for_a_merged_id_to_the_one_that_absorbed_it(house):
    house.open()
    house.open()
    merge(house, 2, 1)
    assert house.tell(2, K.RESOLVED, 70).incident_id == 1
    assert house.get(1).incident.phase is Phase.RESOLVED


def test_it_merges_in_chains_from_either_end(house):
    for _ in range(4):
        house.open()
    merge(house, 4, 3)
    merge(house, 3, 2)
    merge(house, 2, 1)
    assert [house.get(i).incident.id for i in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert house.rows("select distinct merged_into from incidents where id > 1") == [(1,)]
    assert house.tell(4, K.RESOLVED, 70).incident_id == 1


def test_it_merges_into_what_was_merged_already(house):
    for _ in range(3):
        house.open()
    merge(house, 2, 1)
    assert merge(house, 3, 2).incident_id == 1
    assert house.get(3).incident.id == 1


def test_it_merges_an_earlier_incident_into_a_later_where_people_say_so(house):
    house.open()
    house.open()
    assert merge(house, 1, 2).incident_id == 2
    assert house.get(1).incident.id == 2


def test_it_refuses_to_merge_an_incident_into_itself_by_any_name(house):
    house.open()
    house.open()
    with pytest.raises(Conflict, match="INC-1 cannot be merged into itself"):
        merge(house, 1, 1)
    merge(house, 2, 1)
    for kept, other in ((1, 2), (2, 1)):
        with pytest.raises(Conflict, match="INC-1 cannot be merged into itself"):
            house.tell(kept, K.MERGED, 61, data={"into": f"INC-{other}"})
    assert len(house.get(1).events) == 3


def test_it_takes_in_a_repeated_merge_once(house):
    house.open()
    house.open()
    merge(house, 2, 1)
    assert not merge(house, 2, 1).created


def test_it_refuses_to_merge_into_what_never_was(house):
    house.open()
    with pytest.raises(UnknownIncident):
        merge(house, 1, 9)
    assert house.get(1).incident.id == 1


def test_it_moves_the_alerts_with_a_merge(house):
    house.open()
    house.send(alert(0))
    merge(house, 2, 1)
    assert house.send(alert(0, 9)) == [1]
    assert house.get(1).incident.resolution_source is ResolutionSource.ALERTS


def test_it_refuses_to_retract_a_merge(house):
    house.open()
    house.open()
    merge(house, 2, 1)
    with pytest.raises(Conflict, match="a merge cannot be undone"):
        house.tell(1, K.RETRACTED, 70, data={"event_id": "2>1"})


def test_it_refuses_to_merge_into_a_dismissed_incident_or_a_dismissed_one_into_another(house):
    house.open()
    house.open()
    house.tell(1, K.DISMISSED, 10)
    with pytest.raises(Conflict, match="INC-1 is dismissed and would dismiss the merged incident"):
        merge(house, 2, 1)
    with pytest.raises(Conflict, match="INC-1 is dismissed"):
        merge(house, 1, 2)
    assert house.get(2).incident.phase is Phase.DETECTED


# -- after a dismissal -------------------------------------------------------------------------------------------------


@pytest.fixture
def dismissed(house):
    house.open()
    house.tell(1, K.DISMISSED, 10)
    return house


@pytest.mark.parametrize(
    "kind", [K.ACKNOWLEDGED, K.MITIGATED, K.RESOLVED, K.SEVERITY_CHANGED, K.POSTMORTEM_DRAFTED, K.DISMISSED]
)
def test_it_records_what_happens_to_a_dismissed_incident_without_effect(dismissed, kind):
    assert dismissed.tell(1, kind, 20).phase is Phase.DISMISSED
    assert len(dismissed.get(1).events) == 3


def test_it_counts_what_was_recorded_meanwhile_when_the_dismissal_is_taken_back(dismissed):
    dismissed.tell(1, K.RESOLVED, 20)
    assert dismissed.tell(1, K.REOPENED, 30).phase is Phase.RESOLVED
    assert milestones(dismissed)[M.RESOLVED] == at(20)


def test_it_takes_late_news_of_what_happened_before_the_dismissal(dismissed):
    dismissed.tell(1, K.ACKNOWLEDGED, 5)
    assert milestones(dismissed)[M.ACKNOWLEDGED] == at(5)
    assert dismissed.get(1).incident.phase is Phase.DISMISSED


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (K.NOTE, {"text": "why"}),
        (K.RETRACTED, {"event_id": "detected-0"}),
        (K.CORRECTED, {"milestone": "detected", "occurred_at": at(1).isoformat()}),
    ],
)
def test_it_takes_in_words_about_a_dismissed_incident(dismissed, kind, data):
    assert dismissed.tell(1, kind, 20, data=data).phase is Phase.DISMISSED


def test_it_goes_on_after_reopening(dismissed):
    assert dismissed.tell(1, K.REOPENED, 20).phase is Phase.DETECTED
    assert dismissed.tell(1, K.ACKNOWLEDGED, 21).phase is Phase.ACKNOWLEDGED


def test_it_takes_back_a_dismissal_that_is_retracted(dismissed):
    assert dismissed.tell(1, K.RETRACTED, 20, data={"event_id": "dismissed-10"}).phase is Phase.DETECTED
    assert dismissed.tell(1, K.ACKNOWLEDGED, 21).phase is Phase.ACKNOWLEDGED


def test_it_still_answers_a_repeat_of_an_event_from_before_the_dismissal(house):
    house.open()
    house.tell(1, K.ACKNOWLEDGED, 30, event_id="a")
    house.tell(1, K.DISMISSED, 10)
    assert not house.tell(1, K.ACKNOWLEDGED, 30, event_id="a").created


# -- corrections -------------------------------------------------------------------------------------------------------


def test_it_hides_an_incident_of_which_all_was_retracted_until_there_is_something_again(house):
    house.open()
    assert house.tell(1, K.RETRACTED, 5, data={"event_id": "detected-0"}).phase is Phase.DISMISSED
    assert listed(house.store) == ()
    assert milestones(house) == {}
    assert house.tell(1, K.DETECTED, 3).phase is Phase.DETECTED
    assert milestones(house) == {M.DETECTED: at(3)}


@pytest.mark.parametrize("kind", [K.RETRACTED, K.CORRECTED])
def test_it_refuses_a_correction_of_an_event_that_does_not_exist_and_names_those_that_do(house, kind):
    house.open()
    data = {"event_id": "elsewhere", "occurred_at": at(1).isoformat()}
    with pytest.raises(Conflict, match="INC-1 has no event 'elsewhere'; its events are: detected-0"):
        house.tell(1, kind, 5, data=data)
    with pytest.raises(Conflict, match="has no event 'elsewhere'"):
        house.hook(("k", event(kind, 5, data=data)))
    assert len(house.get(1).events) == 1
    assert house.store.read(history_of, 2, policy()) is None


@pytest.mark.parametrize(
    ("milestone", "kind"),
    [("resolved", "resolved"), ("drafted", "postmortem_drafted"), ("finalized", "postmortem_finalized")],
)
def test_it_refuses_to_end_or_finish_an_incident_by_a_correction(house, milestone, kind):
    house.open()
    with pytest.raises(Conflict, match=f"send a `{kind}` event"):
        house.tell(1, K.CORRECTED, 5, data={"milestone": milestone, "occurred_at": at(1).isoformat()})


def test_it_needs_a_time_for_a_resolution_whose_end_is_unknown(house):
    house.send(alert(0), received=1)
    house.send(alert(240), received=241)
    with pytest.raises(Conflict, match="`occurred_at`"):
        house.tell(1, K.RESOLVED, 250, untimed=True)
    assert house.tell(1, K.RESOLVED, 30).phase is Phase.RESOLVED
    assert milestones(house)[M.RESOLVED] == at(30)


# -- late words, and incidents that turn out to be two -----------------------------------------------------------------


def two_firings(house, second=(45, 60)):
    house.send(alert(0, fingerprint="a"), received=1)
    house.send(alert(0, 30, fingerprint="a"), received=31)
    house.send(alert(*second, fingerprint="b"), received=61)


@pytest.mark.parametrize("kind", [K.RESOLVED, K.DISMISSED])
def test_it_parts_what_a_late_word_of_people_closes(house, kind):
    """In time the second firing would have opened an incident of its own, behind the window."""
    two_firings(house)
    assert house.intervals() == [(0, 60)]
    house.tell(1, kind, 20, recorded_at=at(90))
    assert [minutes_of(house, i, M.DETECTED) for i in (1, 2)] == [0, 45]
    assert house.get(2).incident.resolution_source is ResolutionSource.ALERTS


def test_it_joins_again_what_a_retracted_resolution_had_parted(house):
    two_firings(house)
    house.tell(1, K.RESOLVED, 20, recorded_at=at(90), event_id="r")
    house.tell(1, K.RETRACTED, 95, data={"event_id": "r"})
    assert house.intervals() == [(0, 60)]
    assert house.get(2).incident.id == 1


def test_it_leaves_two_firings_apart_that_only_a_resolution_lies_between(house):
    """What people resolve later than the alerts ended bounds the incident, and never stretches it."""
    house.send(alert(13, 16), received=17)
    house.tell(1, K.RESOLVED, 27)
    house.send(alert(32, 40), received=41)
    assert house.intervals() == [(13, 27), (32, 40)]


def test_it_takes_the_acknowledgement_along_to_the_firing_that_it_was_about(house):
    house.send(alert(0), received=1)
    house.send(alert(240, fingerprint="b"), received=241)
    house.tell(1, K.ACKNOWLEDGED, 245, event_id="ack")
    assert house.send(alert(0, 30), received=250) == [1, 2]
    assert (minutes_of(house, 2, M.ACKNOWLEDGED), M.ACKNOWLEDGED in milestones(house)) == (245, False)
    repeated = house.tell(1, K.ACKNOWLEDGED, 245, event_id="ack")
    assert (repeated.incident_id, repeated.created) == (2, False)
    house.tell(1, K.CORRECTED, 251, data={"event_id": "ack", "occurred_at": at(242).isoformat()})
    assert minutes_of(house, 2, M.ACKNOWLEDGED) == 242


def test_it_leaves_the_postmortem_with_the_incident_that_it_was_sent_to(house):
    house.send(alert(0), received=1)
    house.send(alert(240, fingerprint="b"), received=241)
    house.tell(1, K.POSTMORTEM_DRAFTED, 300)
    house.send(alert(0, 30), received=301)
    assert M.DRAFTED in milestones(house)
    assert M.DRAFTED not in house.get(2).incident.milestones


def minutes_of(house, incident_id, milestone):
    return minutes(house.get(incident_id).incident.milestones[milestone])


def test_it_moves_the_window_gauges_with_a_correction_and_never_a_counter(house):
    house.open(event(K.DETECTED), event(K.RESOLVED, 30))
    house.tell(1, K.NOTE, 50, data={"text": "settled"})
    before = house.counters()
    house.tell(1, K.CORRECTED, 60, data={"event_id": "resolved-30", "occurred_at": at(5).isoformat()})
    assert house.counters() == before
    assert milestones(house)[M.RESOLVED] == at(5)


def test_it_keeps_history_whatever_is_withdrawn(house):
    house.open()
    house.tell(1, K.ACKNOWLEDGED, 5)
    house.tell(1, K.RETRACTED, 6, data={"event_id": "acknowledged-5"})
    assert [e.kind for e in house.get(1).events] == [K.DETECTED, K.ACKNOWLEDGED, K.RETRACTED]


def test_it_appends_by_command_what_it_appends_by_name(house):
    house.open()
    (outcome,) = house.submit(AppendEvent(1, event(K.NOTE, data={"text": "x"})))
    assert outcome.created


def test_it_bounds_the_corrections_and_retractions_of_an_incident_and_says_so(house, monkeypatch):
    monkeypatch.setattr(event_checks, "MAX_CORRECTIONS", 2)
    house.open()
    house.tell(1, K.NOTE, 1, event_id="n", data={"text": "x"})
    house.tell(1, K.RETRACTED, 2, event_id="r1", data={"event_id": "n"})
    house.tell(1, K.CORRECTED, 3, event_id="c1", data={"event_id": "n", "data": {"text": "y"}})
    with pytest.raises(Conflict, match="2 corrections and retractions"):
        house.tell(1, K.RETRACTED, 4, event_id="r2", data={"event_id": "r1"})
    assert not house.tell(1, K.RETRACTED, 2, event_id="r1", data={"event_id": "n"}).created
    house.tell(1, K.NOTE, 5, event_id="m", data={"text": "goes on"})


def test_it_takes_a_resolution_without_a_time_for_the_first_event_of_a_key(house):
    (outcome,) = house.hook(("new", event(K.RESOLVED, 5, untimed=True)))
    assert outcome.phase is Phase.RESOLVED


def test_it_refuses_a_corrected_recovery_as_the_first_event_of_a_key(house):
    data = {"milestone": "resolved", "occurred_at": at(1).isoformat()}
    with pytest.raises(Conflict, match="send a `resolved` event"):
        house.hook(("new", event(K.CORRECTED, 5, data=data)))
