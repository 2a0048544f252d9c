"""Which message comes next, given the incident and the messages so far."""

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
        recorded=[(number, e) for e in events],
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
def test_the_next_message_covers_what_was_not_announced(happened, before, following):
    found = thread(*happened, sent=sent(*before)).next(at(30))
    assert (found.kind if found else None) == following


def test_it_announces_into_which_incident_one_was_merged():
    assert thread(number=2, sent=sent(MessageKind.FIRST)).next(at(30)).kind is MessageKind.MERGED
    assert thread(number=2).next(at(30)) is None
    assert thread(number=2, sent=sent(MessageKind.FIRST, MessageKind.OVER)).next(at(30)) is None


def test_it_waits_for_a_pending_message():
    waiting = [ThreadMessage(MessageKey(1, MessageKind.FIRST, Severity.SEV_2), None, is_pending=True)]
    assert thread(NOTE, sent=waiting).next(at(30)) is None


def test_it_announces_no_dismissal_of_what_was_never_announced():
    passed_over = sent(MessageKind.FIRST, message_id=None)
    assert thread(DISMISSED, sent=passed_over).next(at(30)) is None
    assert thread(OVER, sent=passed_over).next(at(30)).kind is MessageKind.OVER


def test_it_starts_no_thread_about_an_old_incident():
    assert thread().next(at(0) + OLD) is None
    assert thread(OVER).next(at(9) + OLD) is None


def test_it_announces_a_changed_severity():
    before = [ThreadMessage(MessageKey(1, MessageKind.FIRST, Severity.SEV_3, "detected-0"), SEEN)]
    assert thread(sent=before).next(at(30)).kind is MessageKind.UPDATE


def test_a_first_message_is_irrelevant_once_the_incident_is_over():
    first = MessageKey(1, MessageKind.FIRST, Severity.SEV_2)
    assert thread().is_relevant(first, at(30))
    assert not thread(OVER).is_relevant(first, at(30))
    assert thread(OVER).is_relevant(MessageKey(1, MessageKind.OVER, Severity.SEV_2), at(30))


def test_a_rejected_message_is_irrelevant_after_later_ones_or_long_after_the_end():
    update = MessageKey(2, MessageKind.UPDATE, Severity.SEV_2)
    later = ThreadMessage(MessageKey(3, MessageKind.OVER, Severity.SEV_2), SEEN)
    assert thread(OVER, sent=[ThreadMessage(update, None)]).is_relevant(update, at(30))
    assert not thread(OVER, sent=[ThreadMessage(update, None), later]).is_relevant(update, at(30))
    assert not thread(OVER, sent=[ThreadMessage(update, None)]).is_relevant(update, at(9) + OLD)


def test_the_root_is_the_first_message_that_was_sent():
    messages = [
        *sent(MessageKind.FIRST, message_id=None),
        ThreadMessage(MessageKey(2, MessageKind.OVER, Severity.SEV_2), 7),
    ]
    assert thread(OVER, sent=messages).root_id == 7
    assert thread().root_id is None


def test_a_message_key_survives_its_row_in_the_outbox():
    key = MessageKey(3, MessageKind.UPDATE, Severity.SEV_2, "note:1")
    assert MessageKey.of(key.of_incident(7)) == key


@given(st.lists(st.sampled_from(["note", "deliver", "resolve", "reopen"]), max_size=25))
def test_every_note_is_announced_once_and_in_order(steps):
    """Whatever happens in between, all notes are announced exactly once, in the order of recording."""
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
