"""Which window is looked at, for incidents in every state."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.domain.policy import Milestone
from service.evidence.subjects import NoWindow, subject_of, window_of, without_incident
from tests.evidence.builders import NOW, TOKYO, at

MARGIN = timedelta(minutes=15)


def told(milestones=(), events=(), dismissed_at=None):
    return {
        "id": "INC-7",
        "labels": {"job": "api"},
        "milestones": {
            "started": None,
            **{name: at(minutes).isoformat() for name, minutes in dict(milestones).items()},
        },
        "events": [{"occurred_at": at(minutes).isoformat()} for minutes in events],
        "dismissed_at": dismissed_at and at(dismissed_at).isoformat(),
    }


def ask(incident, **more):
    return subject_of(incident, TOKYO, NOW, **{"margin": MARGIN, **more})


def test_it_runs_from_the_start_of_the_impact_to_the_recovery():
    about = ask(told({"started": 0, "detected": 5, "resolved": 60}))
    assert (about.began, about.ended) == (at(0), at(60))
    assert (about.window.start, about.window.end) == (at(-15), at(75))
    assert about.milestones[Milestone.DETECTED] == at(5)
    assert (about.labels, about.incident_id) == ({"job": "api"}, "INC-7")


def test_without_a_start_it_begins_with_the_detection_else_with_what_is_known_first():
    assert ask(told({"detected": 5, "resolved": 60})).began == at(5)
    assert ask(told({}, events=(9, 7), dismissed_at=20)).began == at(7)
    assert ask(told({}, events=(9, 7), dismissed_at=20)).ended == at(20)


def test_an_open_incident_ends_now_and_nothing_lies_ahead():
    assert ask(told({"detected": 5})).window.end == NOW
    assert ask(told({"detected": 5, "resolved": 175})).window.end == NOW  # the margin would be longer


def test_times_that_contradict_each_other_make_no_window_backwards():
    about = ask(told({"started": 30, "resolved": 20}))
    assert (about.began, about.ended) == (at(30), at(30))


def test_a_window_can_be_given():
    about = ask(told({"detected": 5, "resolved": 60}), begin=at(-100), end=at(10).astimezone(TOKYO))
    assert (about.window.start, about.window.end) == (at(-100), at(10))
    assert str(about.window.end.tzinfo) == "UTC"
    assert about.window.zone is TOKYO
    assert without_incident(about.window).incident_id is None


@pytest.mark.parametrize(
    ("begin", "end", "said"), [(5, 5, "not before"), (9, 1, "not before"), (0, 9999, "yet to come")]
)
def test_what_is_no_window_is_refused(begin, end, said):
    with pytest.raises(NoWindow, match=said):
        window_of(at(begin), at(end), ZoneInfo("UTC"), NOW)
