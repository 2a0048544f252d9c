"""What people are reminded of: once for each incident, level and due instant, also when the incident is long over."""

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import at, event

HOUR = 60
DAY = 24 * HOUR


def detected(minutes=0, severity=Severity.SEV_2, **fields):
    return event(K.DETECTED, minutes, title="Checkout fails", severity=severity, **fields)


def reminders(site):
    return [line for line in site.slack.texts() if "DUE" in line]


def pass_hours(site, first, last, dispatcher=None):
    for hour in range(first, last + 1):
        site.deliver(hour * HOUR, dispatcher)


def test_it_reminds_of_an_update_once(any_site):
    any_site.open(detected())
    any_site.deliver(29)
    assert reminders(any_site) == []
    for minutes in (30, 31, 59, 90):
        any_site.deliver(minutes)
    assert reminders(any_site) == ["[UPDATE DUE] Checkout fails (SEV-2)"]


def test_it_reminds_of_an_update_again_when_there_was_one_since(site):
    number = site.open(detected())
    site.deliver(20)
    site.tell(number, K.NOTE, 20, data={"text": "looking"})
    site.deliver(49)
    assert reminders(site) == []
    site.deliver(50)
    site.tell(number, K.NOTE, 55, data={"text": "looking still"})
    site.deliver(85)
    assert reminders(site) == ["[UPDATE DUE] Checkout fails (SEV-2)"] * 2


def test_it_counts_an_update_from_when_people_heard_of_it(site):
    number = site.open(detected())
    site.deliver(20)
    site.tell(number, K.NOTE, 3, recorded_at=at(25), data={"text": "said late"})
    site.deliver(54)
    assert reminders(site) == []
    site.deliver(55)
    assert len(reminders(site)) == 1


def test_it_asks_for_no_update_where_none_was_promised_or_the_incident_is_over(site):
    site.open(detected(severity=Severity.SEV_3))
    over = site.open(detected())
    site.deliver(1)
    site.tell(over, K.RESOLVED, 10)
    site.deliver(40)
    site.deliver(90)
    assert reminders(site) == []


def test_it_goes_on_after_the_resolution_until_the_postmortem_is_final(site):
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.RESOLVED, 10)
    pass_hours(site, 1, 71)
    lines = [
        "[DRAFT DUE SOON] Checkout fails (SEV-2)",
        "[DRAFT OVERDUE] Checkout fails (SEV-2)",
        "[FINAL VERSION DUE SOON] Checkout fails (SEV-2)",
    ]
    assert reminders(site)[:1] + [line for line in site.slack.texts() if "OVERDUE" in line or "FINAL" in line] == lines
    site.tell(number, K.POSTMORTEM_FINALIZED, 71 * HOUR)
    pass_hours(site, 71, 100)
    assert not any("FINAL VERSION OVERDUE" in line for line in site.slack.texts())


@pytest.mark.parametrize(("hours", "reminder"), [(17, 0), (18, 1)])
def test_it_says_that_a_draft_is_due_soon_when_a_quarter_of_the_time_is_left(site, hours, reminder):
    site.tell(site.open(detected()), K.RESOLVED, 1)
    site.deliver(hours * HOUR)
    assert sum("DRAFT DUE SOON" in line for line in site.slack.texts()) == reminder


def test_it_reminds_of_an_action_that_is_overdue_and_of_its_owner(site):
    number = site.open(detected(severity=Severity.SEV_4))
    site.tell(number, K.RESOLVED, 1)
    data = {"action_id": "A-01", "title": "Alert on slippage", "owner": "Obs", "due_at": at(5 * HOUR).isoformat()}
    site.tell(number, K.ACTION_OPENED, 2, data=data)
    done = {**data, "action_id": "A-02", "title": "Nothing to say of it"}
    site.tell(number, K.ACTION_OPENED, 3, data=done)
    site.tell(number, K.ACTION_COMPLETED, 4, data={"action_id": "A-02"})
    pass_hours(site, 1, 30)
    [text] = [message["text"] for message in site.slack.messages.values() if "ACTION" in message["text"]]
    assert "A-01 Alert on slippage: was due by 2026-03-02 14:00 UTC / 23:00 JST. Owner: Obs" in text


def test_it_moves_with_the_deadline_when_the_severity_changes(site):
    number = site.open(detected(severity=Severity.SEV_3))
    site.deliver(1)
    site.tell(number, K.RESOLVED, 5)
    site.deliver(10)
    site.tell(number, K.SEVERITY_CHANGED, 6 * HOUR, severity=Severity.SEV_1)
    pass_hours(site, 6, 47)
    reminders = [line for line in site.slack.texts() if "DRAFT" in line]
    assert reminders == ["[DRAFT DUE SOON] Checkout fails (SEV-1)", "[DRAFT OVERDUE] Checkout fails (SEV-1)"]


def test_it_says_that_something_is_late_and_not_that_it_will_be(open_site):
    site = open_site()
    site.tell(site.open(detected()), K.RESOLVED, 1)
    site.deliver(25 * HOUR)
    assert [line for line in site.slack.texts() if "DRAFT" in line] == ["[DRAFT OVERDUE] Checkout fails (SEV-2)"]


def test_it_remembers_over_a_restart_what_it_said_and_what_it_has_to_say(open_site):
    site = open_site()
    site.tell(site.open(detected()), K.RESOLVED, 1)
    site.deliver(18 * HOUR, site.start())
    site.close()
    again = open_site()
    pass_hours(again, 18, 25, again.start())
    reminders = [line for line in again.slack.texts() if "DRAFT" in line]
    assert reminders == ["[DRAFT DUE SOON] Checkout fails (SEV-2)", "[DRAFT OVERDUE] Checkout fails (SEV-2)"]


def test_it_sets_reminders_for_what_was_there_before_it_was_configured(open_site):
    before = open_site(target=())
    before.tell(before.open(detected()), K.RESOLVED, 1)
    before.close()
    site = open_site()
    dispatcher = site.start()
    pass_hours(site, 1, 25, dispatcher)
    assert site.slack.texts() == ["[DRAFT DUE SOON] Checkout fails (SEV-2)", "[DRAFT OVERDUE] Checkout fails (SEV-2)"]


def test_it_keeps_to_new_deadlines_once_it_is_started_with_them(open_site):
    site = open_site()
    site.tell(site.open(detected()), K.RESOLVED, 1)
    site.deliver(2)
    site.close()
    again = open_site(deadlines={"SEV-2": {"draft": "10h"}})
    pass_hours(again, 1, 26, again.start())
    overdue = [message["text"] for message in again.slack.messages.values() if "DRAFT OVERDUE" in message["text"]]
    assert ["2026-03-02 19:00 UTC" in text for text in overdue] == [True]


def test_it_never_reminds_of_what_was_due_days_ago(open_site):
    site = open_site()
    site.tell(site.open(detected()), K.RESOLVED, 1)
    site.deliver(2)
    site.close()
    late = open_site()
    late.deliver(30 * DAY, late.start())
    assert [line for line in late.slack.texts() if "DUE" in line] == []


def test_it_does_not_remind_of_what_was_late_when_it_was_recorded(site):
    number = site.open(detected(recorded_at=at(40 * HOUR)), event(K.RESOLVED, 5, recorded_at=at(40 * HOUR)))
    pass_hours(site, 40, 80)
    assert number == 1
    reminders = [line for line in site.slack.texts() if "DUE" in line]
    assert reminders == [
        "[FINAL VERSION DUE SOON] Checkout fails (SEV-2)",
        "[FINAL VERSION OVERDUE] Checkout fails (SEV-2)",
    ]


def test_it_is_quiet_about_a_dismissed_incident(any_site):
    number = any_site.open(detected())
    any_site.deliver(1)
    data = {"action_id": "A-01", "title": "x", "due_at": at(5 * HOUR).isoformat()}
    any_site.tell(number, K.ACTION_OPENED, 2, data=data)
    any_site.tell(number, K.DISMISSED, 3)
    pass_hours(any_site, 1, 80)
    assert reminders(any_site) == []


def test_it_counts_a_reminder_as_waiting_only_when_its_time_has_come(site):
    site.open(detected())
    site.deliver(1)
    assert site.waiting().pending == 0
    site.now = at(30)
    assert (site.waiting().pending, site.waiting().oldest) == (1, at(30))


def test_it_holds_nothing_up_with_a_reminder_for_later(site):
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.NOTE, 2, data={"text": "looking"})
    site.deliver(2)
    assert len(site.slack.texts()) == 2


def test_it_does_not_remind_early_when_the_clock_goes_back(site):
    site.open(detected())
    site.deliver(1)
    claims = site.store.outbox.claim("slack", at(31), at(60) - at(0), 1)
    assert [claim.key.subject for claim in claims] == ["update-due"]
    site.now = at(5)
    assert site.dispatcher()._deliver(claims[0], at(5)).at == at(30)


def test_it_reminds_of_a_deadline_that_moved_there_and_back(open_site):
    site = open_site()
    number = site.open(detected())
    site.tell(number, K.RESOLVED, 5)
    site.deliver(10)
    site.tell(number, K.SEVERITY_CHANGED, 20, severity=Severity.SEV_3)
    site.deliver(30)
    site.close()
    again = open_site()
    again.deliver(40, again.start())  # every reminder comes up
    again.tell(number, K.SEVERITY_CHANGED, 50, severity=Severity.SEV_2)
    pass_hours(again, 1, 25)
    assert [line for line in again.slack.texts() if "DRAFT OVERDUE" in line] == [
        "[DRAFT OVERDUE] Checkout fails (SEV-2)"
    ]


def test_it_reminds_of_what_the_weekly_review_asks_for(site):
    """A near miss on Monday morning is due at the next review, a week later."""
    site.tell(site.open(detected(severity=Severity.SEV_4)), K.RESOLVED, 1)
    pass_hours(site, 1, 7 * 24)
    reminders = [line for line in site.slack.texts() if "FINAL" in line]
    assert reminders == [
        "[FINAL VERSION DUE SOON] Checkout fails (SEV-4)",
        "[FINAL VERSION OVERDUE] Checkout fails (SEV-4)",
    ]
