"""What events changed, from what to what."""

import pytest

from service.domain.changes import Change, changes
from service.domain.events import EventKind as K
from service.domain.incident import fold
from service.domain.policy import Severity
from tests.builders import at, episode, event, policy


def changed(*events, episodes=()):
    return changes(fold(1, events, episodes, policy(), at(600)), events, episodes, policy())


def severity(minutes, name):
    return event(K.SEVERITY_CHANGED, minutes, severity=Severity(name), event_id=name)


def test_a_severity_changes_from_that_of_the_alerts_then_from_that_of_people():
    result = changed(severity(5, "SEV-1"), severity(9, "SEV-3"), episodes=(episode(0, 30, severity=Severity("SEV-2")),))
    assert result == {"SEV-1": Change("SEV-2", "SEV-1"), "SEV-3": Change("SEV-1", "SEV-3")}


def test_an_alert_that_fired_later_does_not_count_as_the_severity_before():
    episodes = (
        episode(0, 30, severity=Severity("SEV-4")),
        episode(20, 30, fingerprint="f2", severity=Severity("SEV-1")),
    )
    assert changed(severity(5, "SEV-2"), episodes=episodes) == {"SEV-2": Change("SEV-4", "SEV-2")}


def test_a_role_passes_from_one_person_to_another():
    first = event(K.ROLE_ASSIGNED, 1, event_id="e1", data={"role": "commander", "name": "Mori"})
    second = event(K.ROLE_ASSIGNED, 2, event_id="e2", data={"role": "commander", "name": "Abe"})
    other = event(K.ROLE_ASSIGNED, 3, event_id="e3", data={"role": "comms", "name": "Mori"})
    assert changed(first, second, other) == {
        "e1": Change(None, "Mori"),
        "e2": Change("Mori", "Abe"),
        "e3": Change(None, "Mori"),
    }


def correction(minutes, to, event_id, about):
    return event(K.CORRECTED, minutes, event_id=event_id, data={"occurred_at": at(to).isoformat(), **about})


@pytest.mark.parametrize("about", [{"milestone": "acknowledged"}, {"event_id": "ack"}], ids=["milestone", "event"])
def test_a_time_is_corrected_from_what_it_was_last(about):
    ack = event(K.ACKNOWLEDGED, 10, event_id="ack")
    result = changed(ack, correction(20, 8, "c1", about), correction(30, 6, "c2", about), episodes=(episode(0, 60),))
    assert result == {"c1": Change(at(10), at(8)), "c2": Change(at(8), at(6))}


def test_a_correction_that_was_withdrawn_changed_nothing():
    ack, wrong = event(K.ACKNOWLEDGED, 10, event_id="ack"), correction(20, 8, "c1", {"milestone": "acknowledged"})
    withdrawal = event(K.RETRACTED, 25, event_id="r1", data={"event_id": "c1"})
    right = correction(30, 6, "c2", {"milestone": "acknowledged"})
    result = changed(ack, wrong, withdrawal, right, episodes=(episode(0, 60),))
    assert result == {"c2": Change(at(10), at(6))}


def test_a_role_that_is_assigned_to_the_same_person_again_changes_nothing():
    events = [event(K.ROLE_ASSIGNED, n, event_id=str(n), data={"role": "commander", "name": "A"}) for n in (1, 2)]
    incident = fold(1, events, [], policy(), at(0))
    assert set(changes(incident, events, [], policy())) == {"1"}


def test_a_corrected_milestone_of_an_incident_without_other_events_had_no_time_before():
    data = {"milestone": "started", "occurred_at": at(3).isoformat()}
    events = [event(K.CORRECTED, 5, event_id="c", data=data)]
    incident = fold(1, events, [], policy(), at(0))
    assert changes(incident, events, [], policy())["c"] == Change(None, at(3))


def test_a_corrected_milestone_of_an_incident_opened_by_hand_had_the_time_of_its_event():
    ack = event(K.ACKNOWLEDGED, 10, event_id="ack")
    assert changed(ack, correction(20, 8, "c", {"milestone": "acknowledged"})) == {"c": Change(at(10), at(8))}


def test_a_correction_whose_retraction_was_taken_back_twice_is_withdrawn():
    corrected = event(K.CORRECTED, 1, event_id="c", data={"event_id": "a", "occurred_at": at(5).isoformat()})
    chain = [
        event(K.RETRACTED, 2 + n, event_id=f"r{n}", data={"event_id": about})
        for n, about in enumerate(("c", "r0", "r1"))
    ]
    events = [event(K.DETECTED), event(K.ACKNOWLEDGED, 0, event_id="a"), corrected]
    assert "c" in changed(*events)
    assert "c" not in changed(*events, *chain[:1])
    assert "c" in changed(*events, *chain[:2])
    assert "c" not in changed(*events, *chain)
