"""Messages in the channel of a team or a service: which one, what follows a correction, and a channel that is shut."""

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from service.settings.model import Settings
from tests.builders import alert, at, event
from tests.messages.loopback import CHANNEL, TOKEN
from tests.messages.site import BOT, GENERIC, INCOMING
from tests.messages.test_review import MEETING, minutes

PAYMENTS, SEARCH = "C0PAYMENTS1", "C0SEARCH001"
CHANNELS = {"team": {"payments": PAYMENTS, "search": SEARCH}}


def detected(minutes=0, title="Checkout fails", severity=Severity.SEV_2, **labels):
    return event(K.DETECTED, minutes, title=title, severity=severity, labels=labels)


def relabel(site, number, minutes, **labels):
    site.tell(number, K.DESCRIBED, minutes, labels=labels)


def heads(site, channel):
    return [text.splitlines()[0] for text, _ in site.slack.channel(channel)]


@pytest.fixture
def open_with(open_site, slack):
    """Give a function that opens a site with channels, all of which the bot is in."""
    slack.channels = {CHANNEL, PAYMENTS, SEARCH}

    def open_with(channels=CHANNELS, **keys):
        site = open_site(BOT, **keys)
        slack_keys = {"api_url": f"{slack.url}/api", "token": TOKEN, "channel": CHANNEL, "timeout": "1s"}
        updated = Settings.model_validate({"slack": {**slack_keys, "channels": channels}, **keys}).slack
        site.settings = site.settings.model_copy(update={"slack": updated})
        return site

    return open_with


@pytest.fixture
def site(open_with):
    return open_with()


def test_it_reports_an_incident_in_the_channel_of_its_team(site):
    site.send(alert(0, labels={"team": "payments"}))
    site.open(detected(1, title="Slow", team="Payments"))
    site.deliver(2)
    assert heads(site, PAYMENTS) == ["[SEV-2] Incident detected — CheckoutErrors"]
    assert heads(site, CHANNEL) == ["[SEV-2] Incident detected — Slow"]
    assert heads(site, SEARCH) == []
    [(text, _)] = site.slack.channel(PAYMENTS)
    assert "\nTeam: payments\n" in text


def test_its_thread_and_its_reminders_are_in_that_channel(site):
    number = site.open(detected(team="payments"))
    site.deliver(1)
    site.tell(number, K.NOTE, 5, data={"text": "rerouted"})
    site.deliver(5)
    site.tell(number, K.RESOLVED, 40)
    site.deliver(41)
    site.deliver(60 * 25)
    [(first, answers)] = site.slack.channel(PAYMENTS)
    assert first.startswith("[RESOLVED]")
    assert [text.partition("]")[0] for text in answers] == ["[SEV-2", "[RESOLVED", "[DRAFT OVERDUE"]
    assert "Team: payments" in answers[-1]
    assert heads(site, CHANNEL) == []


def test_the_dimension_that_is_configured_first_decides(open_with):
    channels = {"service": {"checkout": SEARCH}, "team": {"payments": PAYMENTS}}
    site = open_with(channels)
    site.open(detected(team="payments", service="checkout"))
    site.open(detected(team="other", service="checkout"))
    site.deliver(1)
    assert (len(heads(site, PAYMENTS)), len(heads(site, SEARCH))) == (1, 1)


def test_a_corrected_team_gets_a_report_and_the_thread_that_began_goes_on(site):
    number = site.open(detected(team="search"))
    site.deliver(1)
    relabel(site, number, 2, team="payments")
    site.deliver(3)
    site.tell(number, K.NOTE, 5, data={"text": "rerouted"})
    site.deliver(5)
    site.tell(number, K.RESOLVED, 40)
    site.deliver(41)
    site.deliver(60 * 25)
    for channel, last in ((SEARCH, "[RESOLVED"), (PAYMENTS, "[DRAFT OVERDUE")):
        [(first, answers)] = site.slack.channel(channel)
        assert first.startswith("[RESOLVED] Checkout fails (SEV-2)\n")
        assert "Team: payments" in first
        assert "rerouted" in answers[0]
        assert answers[-1].partition("]")[0] == last
    assert heads(site, CHANNEL) == []


def test_a_worse_alert_of_another_team_is_reported_to_that_team_too(site):
    site.send(alert(0, severity=Severity.SEV_3, labels={"team": "search"}))
    site.deliver(1)
    site.send(alert(2, fingerprint="f2", severity=Severity.SEV_1, labels={"team": "payments"}))
    site.deliver(3)
    assert heads(site, PAYMENTS) == heads(site, SEARCH) == ["[SEV-1] Incident detected — CheckoutErrors"]


def test_a_team_set_after_the_end_gets_the_end_and_what_is_due(site):
    number = site.open(detected())
    site.tell(number, K.RESOLVED, 40)
    site.deliver(41)
    relabel(site, number, 50, team="payments")
    site.deliver(51)
    site.deliver(60 * 25)
    assert heads(site, CHANNEL) == ["[RESOLVED] Checkout fails (SEV-2)"]
    [(first, answers)] = site.slack.channel(PAYMENTS)
    assert "Postmortem: draft due by" in first
    assert [text.partition("]")[0] for text in answers] == ["[DRAFT OVERDUE"]


def test_a_report_that_waits_goes_to_the_channel_of_the_value_by_then(site):
    site.slack.fail_while("drop")
    number = site.open(detected(team="search"))
    dispatcher = site.dispatcher()
    for _ in range(3):
        dispatcher.step()
    relabel(site, number, 2, team="payments")
    site.slack.work_again()
    site.deliver(9, dispatcher)
    assert (len(heads(site, PAYMENTS)), heads(site, SEARCH)) == (1, [])
    assert site.waiting().stopped == 0


def test_a_merged_incident_ends_in_its_own_channel(site):
    second = site.open(detected(title="Search fails", team="search"))
    first = site.open(detected(1, team="payments"))
    site.deliver(2)
    site.tell(second, K.MERGED, 5, data={"into": f"INC-{first}"})
    site.deliver(6)
    site.tell(first, K.RESOLVED, 40)
    site.deliver(41)
    [(merged, answers)] = site.slack.channel(SEARCH)
    assert merged.startswith("[MERGED] ")
    assert [text.splitlines()[1] for text in answers] == ["Merged into INC-2; updates continue there."]
    [(over, answers)] = site.slack.channel(PAYMENTS)
    assert over.startswith("[RESOLVED] ")
    assert answers[-1].startswith("[RESOLVED] ")


@pytest.mark.parametrize("shut", [PAYMENTS, CHANNEL])
def test_a_channel_that_is_shut_holds_up_no_other(site, shut):
    site.slack.channels.remove(shut)
    site.open(detected(title="shut", **({"team": "payments"} if shut == PAYMENTS else {})))
    for n in range(3):
        site.open(detected(n, title=f"Search {n}", team="search"))
    dispatcher = site.dispatcher()
    site.now = at(3)
    while dispatcher.step():
        pass
    assert len(heads(site, SEARCH)) == 3
    assert site.counters.failures == {"forbidden": 1}
    assert (site.waiting().pending, site.waiting().stopped) == (1, 0)
    site.slack.channels.add(shut)
    site.deliver(8, dispatcher)
    assert heads(site, shut) == ["[SEV-2] Incident detected — shut"]


def test_it_stops_messages_to_a_channel_that_stays_shut_and_names_it(site, caplog):
    site.slack.channels.remove(PAYMENTS)
    site.open(detected(title="shut", team="payments"))
    dispatcher = site.dispatcher()
    for n in range(40):
        site.now = at(n)
        site.open(detected(n, title=f"Search {n}", team="search"))
        while dispatcher.step():
            pass
    assert site.waiting().stopped == 1
    assert f"(channel_not_found), channel {PAYMENTS}" in caplog.text
    site.slack.channels.add(PAYMENTS)
    site.now = at(41)
    site.deliver(42, site.start())
    assert heads(site, PAYMENTS) == ["[SEV-2] Incident detected — shut"]


def test_a_thread_in_a_channel_that_is_shut_holds_up_no_thread_of_its_incident(site):
    number = site.open(detected(team="search"))
    site.deliver(1)
    relabel(site, number, 2, team="payments")
    site.deliver(3)
    site.slack.channels.remove(SEARCH)
    site.tell(number, K.NOTE, 5, data={"text": "rerouted"})
    dispatcher = site.dispatcher()
    site.now = at(5)
    for _ in range(9):
        dispatcher.step()
    [(_, answers)] = site.slack.channel(PAYMENTS)
    assert ["rerouted" in text for text in answers] == [True]


def test_a_thread_ends_where_its_channel_is_no_longer_configured(open_with):
    site = open_with()
    number = site.open(detected(team="search"))
    site.deliver(1)
    site.close()
    site = open_with({"team": {"payments": PAYMENTS}})
    site.deliver(2, site.start())
    site.tell(number, K.RESOLVED, 40)
    site.deliver(41)
    assert heads(site, SEARCH) == ["[SEV-2] Incident detected — Checkout fails"]
    assert heads(site, CHANNEL) == ["[RESOLVED] Checkout fails (SEV-2)"]


def test_what_is_open_is_reported_in_a_channel_configured_later(open_with):
    site = open_with({})
    site.open(detected(team="payments"))
    over = site.open(detected(title="over", team="payments"))
    site.tell(over, K.RESOLVED, 1)
    site.deliver(2)
    site.close()
    site = open_with()
    site.deliver(3, site.start())
    assert heads(site, PAYMENTS) == ["[SEV-2] Incident detected — Checkout fails"]
    assert len(heads(site, CHANNEL)) == 2


def test_it_posts_once_where_answers_are_lost(site):
    number = site.open(detected(team="payments"))
    site.slack.fail_once("drop", "after")
    site.deliver(1)
    site.tell(number, K.NOTE, 5, data={"text": "rerouted"})
    site.slack.fail_once("drop", "after")
    site.deliver(5)
    [(_, answers)] = site.slack.channel(PAYMENTS)
    assert len(answers) == 1


def test_the_weekly_review_stays_in_the_teams_common_channel(site):
    site.open(detected(team="payments"))
    site.deliver(0, site.start())
    site.deliver(minutes(MEETING) - 30)
    assert any(line.startswith("[WEEKLY REVIEW]") for line in heads(site, CHANNEL))
    assert not any(line.startswith("[WEEKLY REVIEW]") for line in heads(site, PAYMENTS))


@pytest.mark.parametrize(("language", "word"), [("en", "Team: payments"), ("ja", "チーム: payments")])
def test_every_way_names_the_team(open_site, language, word):
    for way in (INCOMING, GENERIC):
        site = open_site(way, messages={"language": language})
        number = site.open(detected(team="payments", service="<checkout>"))
        site.deliver(1)
        site.tell(number, K.RESOLVED, 2)
        site.deliver(3)
        texts = [message["text"] for message in site.slack.hooked]
        assert [word in text for text in texts] == [True, True]
        assert ("&lt;checkout&gt;" if way == INCOMING else "<checkout>") in texts[0]
        site.close()
        site.slack.hooked.clear()


def test_programs_get_the_dimensions(open_site):
    site = open_site(GENERIC)
    site.open(detected(team="payments"))
    site.deliver(1)
    [message] = site.slack.hooked
    assert message["incident"]["dimensions"] == {"team": "payments", "service": ""}
