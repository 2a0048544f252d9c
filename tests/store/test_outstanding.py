"""What postmortems lack, by lateness."""

import pytest

from service.domain.events import EventKind
from service.domain.policy import Severity
from service.recorder.commands import AppendEvent
from service.store.outstanding import outstanding_page
from tests.builders import at, event


def page(house, skip=0, limit=10):
    return house.store.read(outstanding_page, skip=skip, limit=limit)


def listed(house, **range_):
    return [row.id for row, _ in page(house, **range_).rows]


def done(minutes):
    return (
        event(EventKind.RESOLVED, minutes),
        event(EventKind.POSTMORTEM_DRAFTED, minutes + 1),
        event(EventKind.POSTMORTEM_FINALIZED, minutes + 2),
    )


@pytest.fixture
def incidents(house, opened):
    """Incidents by what is outstanding of them."""
    due = event(EventKind.ACTION_OPENED, 9, data={"action_id": "A", "due_at": at(30).isoformat()})
    undated = event(EventKind.ACTION_OPENED, 9, data={"action_id": "B"})
    completed = event(EventKind.ACTION_COMPLETED, 9, data={"action_id": "C"})
    failed = event(EventKind.POSTMORTEM_CHECKED, 9, data={"checks": {"evidence": "failed"}})
    return {
        "nothing": opened("Fine", 0, *done(3), severity=Severity.SEV_3),
        "draft": opened("Late", 1, severity=Severity.SEV_3),
        "sooner": opened("Later", 2, severity=Severity.SEV_1),
        "action": opened("Action", 3, *done(5), due, severity=Severity.SEV_3),
        "undated": opened("Undated", 4, *done(5), undated, severity=Severity.SEV_3),
        "unverified": opened("Unverified", 5, *done(6), completed, severity=Severity.SEV_3),
        "failed": opened("Failed", 6, *done(7), failed, severity=Severity.SEV_3),
        "dismissed": opened("Dismissed", 7, event(EventKind.DISMISSED, 8), severity=Severity.SEV_3),
    }


def test_what_should_have_been_done_first_comes_first(house, incidents):
    order = ["action", "sooner", "draft", "failed", "unverified", "undated"]
    assert listed(house) == [incidents[name] for name in order]
    assert page(house).rows[0][1] == at(30)
    assert page(house).rows[-1][1] is None


def test_pages_follow_each_other(house, incidents):
    assert page(house, 0, 4).total == page(house, 4, 4).total == 6
    assert listed(house, skip=0, limit=4) + listed(house, skip=4, limit=4) == listed(house)


def test_what_was_merged_is_left_out(house, incidents):
    house.recorder.submit(
        AppendEvent(incidents["draft"], event(EventKind.MERGED, 30, data={"into": f"INC-{incidents['sooner']}"}))
    )
    assert incidents["draft"] not in listed(house)
