"""Which message comes next, given the incident and the messages so far."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.events import EventKind as K
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Severity
from service.render.item_keys import ItemKey, OutboxKind, OutboxRow
from service.render.thread import OLD, MessageKind, Thread
from tests.builders import at, event, policy

SEEN = 0


def history(*events, number=1, opened=0):
    events = [event(K.DETECTED, severity=Severity.SEV_2), *events]
    return IncidentHistory(
        id=1,
        recorded=[(number, e) for e in events],
        episodes=(),
        opened_at={number: at(opened), 1: at(opened)},
        last_seen_at=at(0),
        policy=policy(),
    )


def thread(*events, sent=(), number=1):
    return Thread(history(*events, number=number), number, sent)


def message(number, kind, severity=Severity.SEV_2, event_id=""):
    return ItemKey(OutboxKind.MESSAGE, 1, event_id=event_id, number=number, subject=kind, severity=severity)


def sent(*kinds, message_id=SEEN):
    return [OutboxRow(message(n, kind), remote_id=message_id) for n, kind in enumerate(kinds, 1)]


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
    next_message = thread(*happened, sent=sent(*before)).next(at(30))
    assert (next_message.subject if next_message else None) == following


def test_it_announces_into_which_incident_one_was_merged():
    assert thread(number=2, sent=sent(MessageKind.FIRST)).next(at(30)).subject == MessageKind.MERGED
    assert thread(number=2).next(at(30)) is None
    assert thread(number=2, sent=sent(MessageKind.FIRST, MessageKind.OVER)).next(at(30)) is None


def test_it_waits_for_a_pending_message():
    waiting = [OutboxRow(message(1, MessageKind.FIRST), is_pending=True)]
    assert thread(NOTE, sent=waiting).next(at(30)) is None


def test_it_announces_no_dismissal_of_what_was_never_announced():
    passed_over = sent(MessageKind.FIRST, message_id=None)
    assert thread(DISMISSED, sent=passed_over).next(at(30)) is None
    assert thread(OVER, sent=passed_over).next(at(30)).subject == MessageKind.OVER


def test_it_starts_no_thread_about_an_old_incident():
    assert thread().next(at(0) + OLD) is None
    assert thread(OVER).next(at(9) + OLD) is None


def test_it_announces_a_changed_severity():
    before = [OutboxRow(message(1, MessageKind.FIRST, Severity.SEV_3, "detected-0"), remote_id=SEEN)]
    assert thread(sent=before).next(at(30)).subject == MessageKind.UPDATE


def test_a_first_message_is_irrelevant_once_the_incident_is_over():
    first = message(1, MessageKind.FIRST)
    assert thread().is_relevant(first, at(30))
    assert not thread(OVER).is_relevant(first, at(30))
    assert thread(OVER).is_relevant(message(1, MessageKind.OVER), at(30))


def test_a_rejected_message_is_irrelevant_after_later_ones_or_long_after_the_end():
    update = message(2, MessageKind.UPDATE)
    later = OutboxRow(message(3, MessageKind.OVER), remote_id=SEEN)
    assert thread(OVER, sent=[OutboxRow(update)]).is_relevant(update, at(30))
    assert not thread(OVER, sent=[OutboxRow(update), later]).is_relevant(update, at(30))
    assert not thread(OVER, sent=[OutboxRow(update)]).is_relevant(update, at(9) + OLD)


def test_the_root_is_the_first_message_that_was_sent():
    messages = [
        *sent(MessageKind.FIRST, message_id=None),
        OutboxRow(message(2, MessageKind.OVER), remote_id=7),
    ]
    assert thread(OVER, sent=messages).root_id == 7
    assert thread().root_id is None


def test_its_messages_are_its_own_rows_by_number():
    rows = [OutboxRow(message(n, MessageKind.UPDATE)) for n in (10, 2)]
    others = [OutboxRow(ItemKey(OutboxKind.INCIDENT, 1)), OutboxRow(replace(rows[0].key, incident_id=2))]
    assert Thread.of(history(), 1, [*others, *rows]).messages == rows[::-1]


@given(st.lists(st.sampled_from(["note", "deliver", "resolve", "reopen"]), max_size=25))
def test_every_note_is_announced_once_and_in_order(steps):
    """Whatever happens in between, all notes are announced exactly once, in the order of recording."""
    events, messages, updates, noted, over = [], [], [], [], False
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
                    updates += [e.data["text"] for e in thread(*events, sent=messages).updates(following)]
                    messages.append(OutboxRow(following, remote_id=SEEN))
    assert updates == noted
