"""Which message comes next, given the incident and what was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.events import EventKind as K
from service.domain.incident import fold
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Severity
from service.render.thread import OLD, MessageKey, MessageKind, Thread, ThreadMessage
from tests.builders import at, event, policy

SEEN = 0


def history(*events, number=1, opened=0):
    events = [event(K.DETECTED, severity=Severity.SEV_2), *events]
    incident = fold(1, events, (), policy(), at(0))
    return IncidentHistory(
        incident=incident,
        events=[(number, e) for e in events],
        episodes=(),
        opened_at={number: at(opened), 1: at(opened)},
    )


def thread(*events, sent=(), number=1):
    return Thread(history(*events, number=number), number, sent)


def sent(*kinds, last_event_id="", message_id=SEEN):
    return [
        ThreadMessage(MessageKey(n, kind, Severity.SEV_2, last_event_id), message_id) for n, kind in enumerate(kinds, 1)
    ]


NOTE = event(K.NOTE, 5, data={"text": "x"})
OVER = event(K.RESOLVED, 9)
DISMISSED = event(K.DISMISSED, 10)


@pytest.mark.parametrize(
    ("happened", "before", "following"),
    [
        ((), (), MessageKind.FIRST),
        ((NOTE,), (), MessageKind.FIRST),
        ((OVER,), (), MessageKind.OVER),
        ((DISMISSED,), (), None),
        ((), (MessageKind.FIRST,), None),
        ((NOTE,), (MessageKind.FIRST,), MessageKind.UPDATE),
        ((OVER,), (MessageKind.FIRST,), MessageKind.OVER),
        ((DISMISSED,), (MessageKind.FIRST,), MessageKind.DISMISSED),
        ((OVER,), (MessageKind.FIRST, MessageKind.OVER), None),
        ((OVER, event(K.POSTMORTEM_DRAFTED, 20)), (MessageKind.FIRST, MessageKind.OVER), MessageKind.AFTERWARDS),
        ((OVER, event(K.REOPENED, 12)), (MessageKind.FIRST, MessageKind.OVER), MessageKind.REOPENED),
        ((OVER, DISMISSED), (MessageKind.FIRST, MessageKind.OVER), MessageKind.DISMISSED),
        ((DISMISSED,), (MessageKind.FIRST, MessageKind.DISMISSED), None),
        (
            (OVER, DISMISSED, event(K.RETRACTED, 11, data={"event_id": "dismissed-10"})),
            (MessageKind.DISMISSED,),
            MessageKind.OVER,
        ),
    ],
)
def test_it_says_next_what_people_do_not_know(happened, before, following):
    found = thread(*happened, sent=sent(*before)).next(at(30))
    assert (found.kind if found else None) == following


def test_it_says_of_an_absorbed_incident_where_it_goes_on():
    assert thread(number=2, sent=sent(MessageKind.FIRST)).next(at(30)).kind is MessageKind.MERGED
    assert thread(number=2).next(at(30)) is None
    assert thread(number=2, sent=sent(MessageKind.FIRST, MessageKind.OVER)).next(at(30)) is None


def test_it_waits_until_what_is_planned_was_said():
    waiting = [ThreadMessage(MessageKey(1, MessageKind.FIRST, Severity.SEV_2), None, is_pending=True)]
    assert thread(NOTE, sent=waiting).next(at(30)) is None


def test_nobody_hears_of_the_end_of_what_nobody_heard_of():
    passed_over = sent(MessageKind.FIRST, message_id=None)
    assert thread(DISMISSED, sent=passed_over).next(at(30)) is None
    assert thread(OVER, sent=passed_over).next(at(30)).kind is MessageKind.OVER


def test_it_begins_no_conversation_about_what_is_old():
    assert thread().next(at(0) + OLD) is None
    assert thread(OVER).next(at(9) + OLD) is None


def test_it_says_that_the_severity_is_another():
    before = [ThreadMessage(MessageKey(1, MessageKind.FIRST, Severity.SEV_3, "detected-0"), SEEN)]
    assert thread(sent=before).next(at(30)).kind is MessageKind.UPDATE


def test_a_first_message_says_nothing_any_more_once_it_is_over():
    first = MessageKey(1, MessageKind.FIRST, Severity.SEV_2)
    assert thread().is_relevant(first, at(30))
    assert not thread(OVER).is_relevant(first, at(30))
    assert thread(OVER).is_relevant(MessageKey(1, MessageKind.OVER, Severity.SEV_2), at(30))


def test_what_was_refused_is_not_said_behind_what_came_later_or_when_it_is_long_over():
    update = MessageKey(2, MessageKind.UPDATE, Severity.SEV_2)
    later = ThreadMessage(MessageKey(3, MessageKind.OVER, Severity.SEV_2), SEEN)
    assert thread(OVER, sent=[ThreadMessage(update, None)]).is_relevant(update, at(30))
    assert not thread(OVER, sent=[ThreadMessage(update, None), later]).is_relevant(update, at(30))
    assert not thread(OVER, sent=[ThreadMessage(update, None)]).is_relevant(update, at(9) + OLD)


def test_it_knows_the_message_that_people_saw_first():
    messages = [
        *sent(MessageKind.FIRST, message_id=None),
        ThreadMessage(MessageKey(2, MessageKind.OVER, Severity.SEV_2), 7),
    ]
    assert thread(OVER, sent=messages).root_id == 7
    assert thread().root_id is None


def test_what_is_no_message_has_no_saying():
    assert MessageKey.parse("region") is None
    assert MessageKey.parse("remind:draft-soon:1:") is None


@given(
    number=st.integers(1),
    kind=st.sampled_from(MessageKind),
    severity=st.sampled_from(Severity),
    last_event_id=st.text(),
)
def test_a_message_is_known_by_the_name_of_its_row(number, kind, severity, last_event_id):
    key = MessageKey(number, kind, severity, last_event_id)
    assert MessageKey.parse(key.item) == key


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
                following = thread(*events, sent=messages).next(at(n))
                if following is not None:
                    heard += [e.data["text"] for e in thread(*events, sent=messages).updates(following)]
                    messages.append(ThreadMessage(following, SEEN))
    assert heard == noted
