"""What people are told of an incident, and when they are owed the next word."""

from datetime import timedelta

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from service.domain.updates import is_update, last_update_at, update_due_at
from tests.builders import at, episode, event, policy


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (event(K.ACKNOWLEDGED), True),
        (event(K.NOTE, data={"text": "looking"}), True),
        (event(K.NOTE, data={"text": "Evidence collected", "evidence_collected": {}}), False),
        (event(K.NOTE, data={"text": " "}), False),
        (event(K.STARTED), False),
        (event(K.CORRECTED, data={"event_id": "x"}), False),
    ],
)
def test_it_is_an_update_where_people_want_to_hear_of_it(happened, expected):
    assert is_update(happened) is expected


def test_people_heard_of_it_when_it_was_opened_when_they_were_told_and_when_it_fired_again():
    assert last_update_at(at(0), ()) == at(0)
    assert last_update_at(at(0), [event(K.NOTE, 2, recorded_at=at(9), data={"text": "late"})]) == at(9)
    assert last_update_at(at(0), [event(K.STARTED, 5)]) == at(0)
    assert last_update_at(at(0), (), [episode(0, 3), episode(12, None, id=2)]) == at(12)


def test_the_next_word_is_owed_as_often_as_it_was_promised():
    promised = policy(updates={Severity.SEV_1: timedelta(minutes=15)})
    assert update_due_at(at(3), Severity.SEV_1, promised) == at(18)
    assert update_due_at(at(3), Severity.SEV_2, promised) is None
