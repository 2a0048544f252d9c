"""Times that are accepted although they are impossible or unlikely, and named to people."""

from service.domain.events import EventKind
from service.domain.incident import fold
from service.domain.warnings import order_warnings
from tests.builders import at, episode, event, policy

K = EventKind


def warnings(*events, episodes=()):
    incident = fold(1, events, list(episodes), policy(), at(0))
    return [(w.milestone.value, w.order.value, w.other.value) for w in order_warnings(incident, policy())]


def test_it_says_nothing_of_an_incident_in_order():
    events = [event(K.STARTED, -4), event(K.ACKNOWLEDGED, 3), event(K.MITIGATED, 9), event(K.POSTMORTEM_DRAFTED, 99)]
    assert warnings(*events, episodes=[episode(0, 30)]) == []


def test_it_names_what_lies_before_its_beginning():
    events = [event(K.STARTED, 5), event(K.ACKNOWLEDGED, -1)]
    assert warnings(*events, episodes=[episode(0, 30)]) == [
        ("detected", "before", "started"),
        ("acknowledged", "before", "detected"),
    ]


def test_it_names_a_document_before_the_incident_by_where_its_deadline_runs_from():
    assert warnings(event(K.POSTMORTEM_DRAFTED, -9), episodes=[episode(0)]) == [("drafted", "before", "detected")]


def test_it_names_a_response_after_the_recovery_in_words():
    incident = fold(1, [event(K.ACKNOWLEDGED, 40)], [episode(0, 30)], policy(), at(0))
    assert [str(w) for w in order_warnings(incident, policy())] == [
        "acknowledged lies after resolved: no sample is taken of that interval"
    ]


def test_it_says_nothing_of_a_dismissed_incident():
    assert warnings(event(K.ACKNOWLEDGED, -5), event(K.DISMISSED, 5), episodes=[episode(0)]) == []
