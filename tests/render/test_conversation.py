"""Which message comes next, given the incident and what was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.events import EventKind as K
from service.domain.incident import fold
from service.domain.policy import Severity
from service.render.conversation import OLD, Kind, Said, Saying, Talk
from service.render.subject import Subject
from tests.builders import at, event, policy

SEEN = 0


def subject(*events, number=1, opened=0):
    told = [event(K.DETECTED, severity=Severity.SEV_2), *events]
    incident = fold(1, told, (), policy(), at(0))
    return Subject(
        incident=incident, told=[(number, e) for e in told], episodes=(), opened_at={number: at(opened), 1: at(opened)}
    )


def talk(*events, said=(), number=1):
    return Talk(subject(*events, number=number), number, said)


def said(*kinds, upto="", message_id=SEEN):
    return [Said(Saying(n, kind, Severity.SEV_2, upto), message_id) for n, kind in enumerate(kinds, 1)]


NOTE = event(K.NOTE, 5, data={"text": "x"})
OVER = event(K.RESOLVED, 9)
DISMISSED = event(K.DISMISSED, 10)


@pytest.mark.parametrize(
    ("happened", "before", "following"),
    [
        ((), (), Kind.FIRST),
        ((NOTE,), (), Kind.FIRST),
        ((OVER,), (), Kind.OVER),
        ((DISMISSED,), (), None),
        ((), (Kind.FIRST,), None),
        ((NOTE,), (Kind.FIRST,), Kind.UPDATE),
        ((OVER,), (Kind.FIRST,), Kind.OVER),
        ((DISMISSED,), (Kind.FIRST,), Kind.DISMISSED),
        ((OVER,), (Kind.FIRST, Kind.OVER), None),
        ((OVER, event(K.POSTMORTEM_DRAFTED, 20)), (Kind.FIRST, Kind.OVER), Kind.AFTER),
        ((OVER, event(K.REOPENED, 12)), (Kind.FIRST, Kind.OVER), Kind.AGAIN),
        ((OVER, DISMISSED), (Kind.FIRST, Kind.OVER), Kind.DISMISSED),
        ((DISMISSED,), (Kind.FIRST, Kind.DISMISSED), None),
        ((OVER, DISMISSED, event(K.RETRACTED, 11, data={"event_id": "dismissed-10"})), (Kind.DISMISSED,), Kind.OVER),
    ],
)
def test_it_says_next_what_people_do_not_know(happened, before, following):
    found = talk(*happened, said=said(*before)).next(at(30))
    assert (found.kind if found else None) == following


def test_it_says_of_an_absorbed_incident_where_it_goes_on():
    assert talk(number=2, said=said(Kind.FIRST)).next(at(30)).kind is Kind.MERGED
    assert talk(number=2).next(at(30)) is None
    assert talk(number=2, said=said(Kind.FIRST, Kind.OVER)).next(at(30)) is None


def test_it_waits_until_what_is_planned_was_said():
    waiting = [Said(Saying(1, Kind.FIRST, Severity.SEV_2), None, waits=True)]
    assert talk(NOTE, said=waiting).next(at(30)) is None


def test_nobody_hears_of_the_end_of_what_nobody_heard_of():
    passed_over = said(Kind.FIRST, message_id=None)
    assert talk(DISMISSED, said=passed_over).next(at(30)) is None
    assert talk(OVER, said=passed_over).next(at(30)).kind is Kind.OVER


def test_it_begins_no_conversation_about_what_is_old():
    assert talk().next(at(0) + OLD) is None
    assert talk(OVER).next(at(9) + OLD) is None


def test_it_says_that_the_severity_is_another():
    before = [Said(Saying(1, Kind.FIRST, Severity.SEV_3, "detected-0"), SEEN)]
    assert talk(said=before).next(at(30)).kind is Kind.UPDATE


def test_a_first_message_says_nothing_any_more_once_it_is_over():
    first = Saying(1, Kind.FIRST, Severity.SEV_2)
    assert talk().stands(first, at(30))
    assert not talk(OVER).stands(first, at(30))
    assert talk(OVER).stands(Saying(1, Kind.OVER, Severity.SEV_2), at(30))


def test_what_was_refused_is_not_said_behind_what_came_later_or_when_it_is_long_over():
    update = Saying(2, Kind.UPDATE, Severity.SEV_2)
    later = Said(Saying(3, Kind.OVER, Severity.SEV_2), SEEN)
    assert talk(OVER, said=[Said(update, None)]).stands(update, at(30))
    assert not talk(OVER, said=[Said(update, None), later]).stands(update, at(30))
    assert not talk(OVER, said=[Said(update, None)]).stands(update, at(9) + OLD)


def test_it_knows_the_message_that_people_saw_first():
    messages = [*said(Kind.FIRST, message_id=None), Said(Saying(2, Kind.OVER, Severity.SEV_2), 7)]
    assert talk(OVER, said=messages).begun_as == 7
    assert talk().begun_as is None


def test_what_is_no_message_has_no_saying():
    assert Saying.of("region") is None
    assert Saying.of("remind:draft-soon:1:") is None


@given(number=st.integers(1), kind=st.sampled_from(Kind), severity=st.sampled_from(Severity), upto=st.text())
def test_a_message_is_known_by_the_name_of_its_row(number, kind, severity, upto):
    saying = Saying(number, kind, severity, upto)
    assert Saying.of(saying.name) == saying


@given(st.lists(st.sampled_from(["note", "deliver", "resolve", "reopen"]), max_size=25))
def test_every_note_is_told_once_and_in_order_whenever_messages_go_out(steps):
    """Whatever happens between: all that was noted is told exactly once, in the order in which it was noted."""
    events, messages, heard, noted, over = [], [], [], [], False
    for n, step in enumerate([*steps, "note", "deliver"], 1):
        match step:
            case "note":
                events.append(event(K.NOTE, n, data={"text": str(n)}))
                noted.append(str(n))
            case "resolve" if not over:
                events.append(event(K.RESOLVED, n))
                over = True
            case "reopen" if over:
                events.append(event(K.REOPENED, n))
                over = False
            case "deliver":
                following = talk(*events, said=messages).next(at(n))
                if following is not None:
                    heard += [e.data["text"] for e in talk(*events, said=messages).news(following)]
                    messages.append(Said(following, SEEN))
    assert heard == noted
