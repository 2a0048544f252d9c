"""The names that receivers hold digests of: they are those of every version before."""

from datetime import timedelta

import pytest

from service.domain.reminders import Level, Reminder
from service.render.item_keys import ItemKey, OutboxKind
from tests.builders import at

DUE = at(0) + timedelta(milliseconds=123)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ItemKey(OutboxKind.INCIDENT, 7), "region"),
        (ItemKey(OutboxKind.EVENT, 7, "checkout", "note:1"), "point:note:1"),
        (
            ItemKey(OutboxKind.MESSAGE, 7, event_id="note:1", number=2, subject="update", severity="SEV-2"),
            "say:2:update:SEV-2:note:1",
        ),
        (
            ItemKey(OutboxKind.REMINDER, 7, subject="action-overdue", action_id="A:1", due_at=DUE),
            "remind:action-overdue:1772442000123:A:1",
        ),
        (ItemKey(OutboxKind.TEAM_WIDE, due_at=DUE), "review:1772442000"),
    ],
)
def test_a_key_has_the_name_that_it_always_had(key, name):
    assert key.name == name


def test_a_reminder_has_one_key_for_each_millisecond():
    due_at = DUE + timedelta(microseconds=999)
    assert ItemKey.of_reminder(7, Reminder(Level.DRAFT_SOON, due_at, at(0))).due_at == DUE
