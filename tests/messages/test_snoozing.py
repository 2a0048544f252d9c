"""Reminders that are snoozed from their message, and the list of the weekly review with its buttons."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from service.intake.wire import PayloadError
from service.wiring.slack import slack_responder
from tests.builders import at, event
from tests.delivery.serving import eventually
from tests.messages.sockets import APP_TOKEN, Person


class Acting:
    """A site whose messages have buttons; what people do reaches it directly, at the site's time."""

    def __init__(self, site):
        self.site, self.failures = site, []
        slack = site.settings.slack.model_validate(
            {**site.settings.slack.model_dump(exclude_unset=True), "app_token": APP_TOKEN}
        )
        site.settings = site.settings.model_copy(update={"slack": slack})
        counters = SimpleNamespace(failure=lambda source, reason: self.failures.append(reason))
        self.responder = slack_responder(
            site.settings, site.recorder, site.store, site.policy, counters=counters, on_recorded=lambda: None
        )

    def press(self, person, ts, action, label=None):
        """Press, and wait until Slack was answered; gives the payload, to be sent again."""
        payload = person.payload(ts, action, label, at=f"{self.site.now.timestamp():.6f}")
        self.send(payload)
        return payload

    def send(self, payload):
        answers = len(self.site.slack.asked)
        self.responder.answer(payload, self.site.now)
        eventually(lambda: any(asked.status for asked in self.site.slack.asked[answers:]))

    def find(self, text):
        return [ts for ts, message in self.site.slack.messages.items() if text in message["text"]]


@pytest.fixture
def acting(site):
    made = Acting(site)
    yield made
    made.responder.close()


def overdue(acting, minutes=30):
    """An incident of which an update is due."""
    number = acting.site.open(event(K.DETECTED, title="Checkout fails", severity=Severity.SEV_2))
    acting.site.deliver(1)
    acting.site.deliver(minutes)
    [reminder] = acting.find("[UPDATE DUE]")
    return number, reminder


def test_a_reminder_is_sent_again_after_the_time_that_someone_chose(acting):
    _, ts = overdue(acting)
    aiko = Person(acting.site.slack)
    payload = acting.press(aiko, ts, "snooze", "Snooze 1 h")
    assert "Snoozed until 2026-03-02 10:30 UTC" in acting.site.slack.messages[ts]["text"]
    assert all(block["type"] == "section" for block in acting.site.slack.messages[ts]["blocks"])
    acting.send(payload)  # delivered once more
    acting.site.deliver(89)
    assert len(acting.find("[UPDATE DUE]")) == 1
    acting.site.deliver(91)
    [_, again] = acting.find("[UPDATE DUE]")
    acting.press(aiko, again, "snooze", "Snooze 1 d")
    acting.site.deliver(91 + 24 * 60)
    assert len(acting.find("[UPDATE DUE]")) == 3
    assert (aiko.saw, acting.failures) == ([], [])


def test_a_snoozed_reminder_survives_a_restart_and_is_sent_by_one_replica(acting):
    _, ts = overdue(acting)
    acting.press(Person(acting.site.slack), ts, "snooze", "Snooze 1 h")
    first, second = acting.site.start(), acting.site.start()
    acting.site.now = at(95)
    while acting.site.waiting().pending:
        first.step()
        second.step()
    assert len(acting.find("[UPDATE DUE]")) == 2


def test_what_was_done_meanwhile_is_not_reminded_of(acting):
    number, ts = overdue(acting)
    acting.press(Person(acting.site.slack), ts, "snooze", "Snooze 1 h")
    acting.site.tell(number, K.NOTE, 40, data={"text": "rerouted"})
    acting.site.tell(number, K.RESOLVED, 50)
    acting.site.deliver(200)
    assert len(acting.find("[UPDATE DUE]")) == 1


def test_a_reminder_of_what_is_gone_or_that_there_is_not(acting):
    _, ts = overdue(acting)
    aiko = Person(acting.site.slack)
    payload = aiko.payload(ts, "snooze", "Snooze 1 h", at=f"{acting.site.now.timestamp():.6f}")
    value = payload["actions"][0]["value"]
    payload["actions"][0]["value"] = value.replace("INC-1 ", "INC-9 ")
    acting.send(payload)
    assert "INC-9" in aiko.saw[0]
    assert acting.failures == ["unknown_incident"]
    for wrong in ("INC-1", "INC-1 3600 never 1 0 ", "INC-1 x update-due 1 0 ", f"INC-1 3600 update-due {10**30} 0 "):
        payload["actions"][0]["value"] = wrong
        with pytest.raises(PayloadError):
            acting.send(payload)
    acting.site.deliver(100)
    assert len(acting.find("[UPDATE DUE]")) == 1


def test_the_list_of_the_weekly_review_records_what_was_discussed(acting):
    site = acting.site
    numbers = [
        site.open(event(K.DETECTED, n, event_id=f"e{n}", title=f"Minor {n}", severity=Severity.SEV_4)) for n in (0, 1)
    ]
    for number in numbers:
        site.tell(number, K.RESOLVED, 30)
    dispatcher = site.start()
    site.deliver(31, dispatcher)
    site.now = site.settings.review.next_after(site.now) - timedelta(minutes=59)
    site.deliver(None, dispatcher)
    [ts] = acting.find("[WEEKLY REVIEW]")
    aiko = Person(site.slack)
    payload = acting.press(aiko, ts, "reviewed", "INC-1 reviewed")
    acting.send(payload)
    assert [event.kind for event in site.get(1).events] == [K.DETECTED, K.RESOLVED, K.REVIEWED]
    text = site.slack.messages[ts]["text"]
    assert "✓ INC-1 reviewed" in text
    acting.press(aiko, ts, "reviewed", "INC-2 reviewed")
    assert all(block["type"] == "section" for block in site.slack.messages[ts]["blocks"])
    assert [event.kind for event in site.get(2).events][-1] is K.REVIEWED
    assert (aiko.saw, acting.failures) == ([], [])
