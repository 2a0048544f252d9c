"""Which window is looked at, for incidents in every state."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.domain.policy import Milestone
from service.evidence.window import NoWindow, incident_window, time_window
from tests.evidence.builders import NOW, TOKYO, at

MARGIN = timedelta(minutes=15)


def incident(milestones=(), events=(), dismissed_at=None):
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


def window(record, **more):
    return incident_window(record, TOKYO, NOW, **{"margin": MARGIN, **more})


def test_it_runs_from_the_start_of_the_impact_to_the_recovery():
    about = window(incident({"started": 0, "detected": 5, "resolved": 60}))
    assert (about.incident_start, about.incident_end) == (at(0), at(60))
    assert (about.start, about.end) == (at(-15), at(75))
    assert about.milestones[Milestone.DETECTED] == at(5)
    assert (about.labels, about.incident_id) == ({"job": "api"}, "INC-7")


def test_without_a_start_it_begins_with_the_detection_else_with_what_is_known_first():
    assert window(incident({"detected": 5, "resolved": 60})).incident_start == at(5)
    assert window(incident({}, events=(9, 7), dismissed_at=20)).incident_start == at(7)
    assert window(incident({}, events=(9, 7), dismissed_at=20)).incident_end == at(20)


def test_an_open_incident_ends_now_and_nothing_lies_ahead():
    assert window(incident({"detected": 5})).end == NOW
    assert window(incident({"detected": 5, "resolved": 175})).end == NOW  # the margin would be longer


def test_times_that_contradict_each_other_make_no_window_backwards():
    about = window(incident({"started": 30, "resolved": 20}))
    assert (about.incident_start, about.incident_end) == (at(30), at(30))


def test_a_window_can_be_given():
    about = window(incident({"detected": 5, "resolved": 60}), begin=at(-100), end=at(10).astimezone(TOKYO))
    assert (about.start, about.end) == (at(-100), at(10))
    assert str(about.end.tzinfo) == "UTC"
    assert about.zone is TOKYO


@pytest.mark.parametrize(
    ("begin", "end", "message"), [(5, 5, "not before"), (9, 1, "not before"), (0, 9999, "in the future")]
)
def test_what_is_no_window_is_refused(begin, end, message):
    with pytest.raises(NoWindow, match=message):
        time_window(at(begin), at(end), ZoneInfo("UTC"), NOW)
