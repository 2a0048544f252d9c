"""What a team promised to do."""

from itertools import permutations

import pytest

from service.domain.actions import ActionState, actions_of
from service.domain.events import EventKind
from tests.builders import at, event

OPENED, COMPLETED, VERIFIED = EventKind.ACTION_OPENED, EventKind.ACTION_COMPLETED, EventKind.ACTION_VERIFIED


def promised(minutes=0.0, action_id="a", **data):
    return event(OPENED, minutes, data={"action_id": action_id, **data})


def reached(kind, minutes, action_id="a"):
    return event(kind, minutes, data={"action_id": action_id})


def test_it_keeps_what_was_promised():
    row = {"title": "Add a limit", "action_type": "prevent", "owner": "Aki", "verification": "load test"}
    (action,) = actions_of([promised(due_at=at(60).isoformat(), **row)])
    assert {name: getattr(action, name) for name in row} == row
    assert (action.due_at, action.state) == (at(60), ActionState.OPEN)


def test_it_needs_no_more_than_an_id():
    (action,) = actions_of([promised()])
    assert (action.title, action.due_at) == ("", None)


def test_it_updates_an_action_that_is_opened_again_and_keeps_its_state():
    (action,) = actions_of([promised(0, title="old"), reached(COMPLETED, 5), promised(9, title="new")])
    assert (action.title, action.state) == ("new", ActionState.COMPLETED)


def test_it_goes_from_open_to_completed_to_verified():
    events = [promised(), reached(COMPLETED, 5), reached(VERIFIED, 9)]
    states = [actions_of(events[:n])[0].state for n in (1, 2, 3)]
    assert states == [ActionState.OPEN, ActionState.COMPLETED, ActionState.VERIFIED]


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_it_never_goes_back(order):
    events = [promised(title="t"), reached(COMPLETED, 5), reached(VERIFIED, 9)]
    (action,) = actions_of([events[i] for i in order])
    assert (action.state, action.title) == (ActionState.VERIFIED, "t")


def test_it_lists_actions_by_id_and_passes_over_other_events():
    events = [promised(action_id="b"), event(EventKind.NOTE, 1, data={"text": "x"}), promised(1, action_id="a")]
    assert [a.action_id for a in actions_of(events)] == ["a", "b"]


def test_it_is_overdue_while_it_is_open_and_late():
    events = [promised(due_at=at(60).isoformat())]
    (action,) = actions_of(events)
    assert [action.overdue(at(m)) for m in (59, 60, 61)] == [False, False, True]
    (done,) = actions_of([*events, reached(COMPLETED, 90)])
    assert not done.overdue(at(61))


def test_it_is_never_overdue_without_a_date():
    (action,) = actions_of([promised()])
    assert not action.overdue(at(10**6))


def test_it_notes_when_each_state_was_reached_first():
    (action,) = actions_of([promised(), reached(COMPLETED, 5), reached(VERIFIED, 9)])
    assert (action.completed_at, action.verified_at) == (at(5), at(9))
