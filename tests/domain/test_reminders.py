"""What somebody has to be told because a time has come."""

from service.domain.events import EventKind as K
from service.domain.incident import fold
from service.domain.policy import Severity
from service.domain.reminders import Level, Reminder, reminders
from tests.builders import at, event, policy

HOUR = 60


def of(*events, update_due_at=None, severity=Severity.SEV_2):
    incident = fold(1, [event(K.DETECTED, severity=severity), *events], (), policy(), at(0))
    return [(reminder.level, reminder.at) for reminder in reminders(incident, update_due_at)]


def test_it_reminds_of_each_stage_when_a_quarter_is_left_and_when_it_is_late():
    assert of() == [
        (Level.DRAFT_SOON, at(18 * HOUR)),
        (Level.DRAFT_OVERDUE, at(24 * HOUR)),
        (Level.FINAL_SOON, at(54 * HOUR)),
        (Level.FINAL_OVERDUE, at(72 * HOUR)),
    ]


def test_it_reminds_no_more_of_what_is_done():
    assert [level for level, _ in of(event(K.POSTMORTEM_DRAFTED, 9))] == [Level.FINAL_SOON, Level.FINAL_OVERDUE]
    assert of(event(K.POSTMORTEM_FINALIZED, 9)) == []


def test_it_reminds_of_an_update_only_while_it_goes_on():
    assert (Level.UPDATE_DUE, at(30)) in of(update_due_at=at(30))
    assert Level.UPDATE_DUE not in dict(of(event(K.RESOLVED, 9), update_due_at=at(30)))


def test_it_reminds_of_open_actions_that_have_a_date():
    due = {"due_at": at(99).isoformat()}
    events = [
        event(K.ACTION_OPENED, 1, event_id="1", data={"action_id": "A-01", **due}),
        event(K.ACTION_OPENED, 1, event_id="2", data={"action_id": "A-02"}),
        event(K.ACTION_OPENED, 1, event_id="3", data={"action_id": "A-03", **due}),
        event(K.ACTION_COMPLETED, 2, data={"action_id": "A-03"}),
    ]
    incident = fold(1, [event(K.DETECTED), event(K.POSTMORTEM_FINALIZED, 2), *events], (), policy(), at(0))
    assert reminders(incident, None) == (Reminder(Level.ACTION_OVERDUE, at(99), at(99), "A-01"),)


def test_it_is_quiet_about_a_dismissed_incident():
    due = {"action_id": "A-01", "due_at": at(99).isoformat()}
    assert of(event(K.ACTION_OPENED, 1, data=due), event(K.DISMISSED, 2), update_due_at=at(30)) == []


def test_what_is_late_is_not_due_soon():
    soon = Reminder(Level.DRAFT_SOON, at(10), at(5))
    assert (soon.counts(at(9)), soon.counts(at(10))) == (True, False)
    assert Reminder(Level.DRAFT_OVERDUE, at(10), at(10)).counts(at(99))
