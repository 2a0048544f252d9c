"""Slack down, slow, refusing or losing answers: everything is said once, in order, as soon as it can be."""

from datetime import timedelta

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import at, event
from tests.messages.loopback import TOKEN
from tests.messages.site import BOT, GENERIC, INCOMING

OUTAGES = {
    "down": "drop",
    "unavailable": (503, {}, "<html>"),
    "broken": (500, {}, '{"ok": false, "error": "internal_error"}'),
    "throttled": (429, {"Retry-After": "30"}, ""),
}


def detected(minutes=0, title="Checkout fails"):
    return event(K.DETECTED, minutes, title=title, severity=Severity.SEV_2)


@pytest.mark.parametrize("outage", ["down", "unavailable", "broken", "throttled"])
def test_it_says_nothing_while_it_cannot_and_everything_in_order_afterwards(any_site, outage):
    dispatcher = any_site.dispatcher()
    any_site.slack.fail_while(OUTAGES[outage])
    number = any_site.open(detected())
    for minutes in range(1, 9):
        any_site.now = at(minutes)
        any_site.tell(number, K.NOTE, minutes, data={"text": f"note {minutes}"})
        while dispatcher.step():
            pass
    assert any_site.slack.texts() == []
    any_site.slack.work_again()
    any_site.deliver(15, dispatcher)
    any_site.tell(number, K.RESOLVED, 20)
    any_site.deliver(21, dispatcher)
    assert any_site.slack.texts()[-1] == "[RESOLVED] Checkout fails (SEV-2)"
    whole = "\n".join(message["text"] for message in (*any_site.slack.messages.values(), *any_site.slack.hooked))
    errors = [line.rpartition(": ")[2] for line in whole.splitlines() if line.startswith("•")]
    assert errors == sorted(set(errors))
    edited = bool(any_site.slack.messages)
    first = "[RESOLVED] Checkout fails (SEV-2)" if edited else "[SEV-2] Incident detected — Checkout fails"
    assert any_site.slack.texts()[0] == first


def test_it_tells_only_of_the_end_of_what_came_and_went_while_it_could_not_speak(any_site):
    dispatcher = any_site.dispatcher()
    any_site.slack.fail_while("drop")
    number = any_site.open(detected())
    for _ in range(5):
        dispatcher.step()
    any_site.tell(number, K.NOTE, 5, data={"text": "rerouted"})
    any_site.tell(number, K.RESOLVED, 9)
    any_site.slack.work_again()
    any_site.deliver(15, dispatcher)
    assert any_site.slack.texts() == ["[RESOLVED] Checkout fails (SEV-2)"]
    whole = [message["text"] for message in (*any_site.slack.messages.values(), *any_site.slack.hooked)]
    assert "rerouted" in whole[0]


@pytest.mark.parametrize(("outcome", "when"), [("drop", "before"), ("drop", "after"), (1.5, "after")])
def test_a_bot_says_everything_once_where_answers_are_lost(site, outcome, when):
    number = site.open(detected())
    site.slack.fail_once(outcome, when)
    site.deliver(1)
    site.tell(number, K.NOTE, 5, data={"text": "rerouted"})
    site.slack.fail_once(outcome, when)
    site.deliver(5)
    [(first, [update])] = site.slack.channel()
    assert first.startswith("[SEV-2] Incident detected")
    assert "rerouted" in update


def test_a_bot_finds_its_message_behind_those_of_others(site):
    site.slack.fail_once("drop", "after", "postMessage")
    dispatcher = site.dispatcher()
    site.open(detected())
    while dispatcher.step():
        pass
    for n in range(9):
        site.slack._chat_postMessage({"channel": "C0123456789", "text": f"chatter {n}"})
    site.deliver(5, dispatcher)
    assert len([line for line in site.slack.texts() if "Incident detected" in line]) == 1


def test_a_bot_that_may_not_look_says_it_again_rather_than_not_at_all(site):
    site.slack.scopes.remove("channels:history")
    site.slack.fail_once("drop", "after", "postMessage")
    site.open(detected())
    site.deliver(1)
    assert [line[:8] for line in site.slack.texts()] == ["[SEV-2] "] * 2


def test_a_webhook_says_it_again_rather_than_not_at_all(open_site):
    site = open_site(INCOMING)
    site.slack.fail_once("drop", "after")
    site.open(detected())
    site.deliver(1)
    assert len(site.slack.texts()) == 2


def test_programs_know_a_second_copy_by_its_id(open_site):
    site = open_site(GENERIC)
    site.slack.fail_once("drop", "after")
    site.open(detected())
    site.deliver(1)
    assert len({message["id"] for message in site.slack.hooked}) == 1 < len(site.slack.hooked)


def test_it_comes_back_when_slack_says(any_site):
    dispatcher = any_site.dispatcher()
    any_site.slack.fail_while(OUTAGES["throttled"])
    any_site.open(detected())
    any_site.now = at(1)
    while dispatcher.step():
        pass
    any_site.slack.work_again()
    any_site.now = at(1) + timedelta(seconds=29)
    assert not dispatcher.step()
    any_site.now = at(1) + timedelta(seconds=31)
    any_site.deliver(None, dispatcher)
    assert len(any_site.slack.texts()) == 1


@pytest.mark.parametrize(
    ("way", "outcome"),
    [
        (BOT, (200, {}, '{"ok": false, "error": "invalid_blocks"}')),
        (INCOMING, (400, {}, "invalid_blocks")),
        (INCOMING, (400, {}, "invalid_payload")),
        (GENERIC, (422, {}, "no")),
    ],
)
def test_it_leaves_alone_what_is_refused_and_goes_on_with_the_rest(open_site, way, outcome):
    site = open_site(way)
    refused = site.open(detected(title="refused"))
    site.slack.fail_once(outcome)
    site.deliver(1)
    assert (site.waiting().stopped, site.counters.failures) == (1, {"rejected": 1})
    site.open(detected(2, title="taken"))
    site.tell(refused, K.NOTE, 3, data={"text": "more"})
    site.deliver(4)
    assert len(site.slack.texts()) == 2
    assert site.waiting().stopped == 1


@pytest.mark.parametrize(
    ("way", "outcome", "reason"),
    [
        (BOT, (200, {}, '{"ok": false, "error": "token_revoked"}'), "unauthorized"),
        (BOT, (200, {}, '{"ok": false, "error": "not_in_channel"}'), "forbidden"),
        (INCOMING, (404, {}, "no_service"), "forbidden"),
        (INCOMING, (403, {}, "invalid_token"), "forbidden"),
        (INCOMING, (410, {}, "channel_is_archived"), "forbidden"),
        (GENERIC, 401, "unauthorized"),
        (GENERIC, 404, "forbidden"),
        (GENERIC, (302, {"Location": "http://127.0.0.1:1/"}, ""), "unexpected"),
    ],
)
def test_it_asks_every_five_minutes_where_it_is_not_let_in(open_site, way, outcome, reason):
    site = open_site(way)
    dispatcher = site.dispatcher()
    site.slack.fail_while(outcome)
    for n in range(3):
        site.open(detected(n))
    for minutes in range(3, 14):
        site.now = at(minutes)
        while dispatcher.step():
            pass
    assert site.counters.failures == {reason: 3}
    site.slack.work_again()
    site.deliver(20, dispatcher)
    assert len(site.slack.texts()) == 3
    assert site.waiting().stopped == 0


def test_it_uses_a_corrected_token_at_once(site, tmp_path):
    file = tmp_path / "token"
    file.write_text("xoxb-wrong")
    slack = site.settings.slack.model_copy(update={"token": None, "token_file": file})
    site.settings = site.settings.model_copy(update={"slack": slack})
    site.open(detected())
    site.now = at(1)
    dispatcher = site.dispatcher()
    while dispatcher.step():
        pass
    assert (site.slack.texts(), site.counters.failures) == ([], {"unauthorized": 1})
    file.write_text(TOKEN)
    assert dispatcher.step()
    assert len(site.slack.texts()) == 1


@pytest.mark.parametrize("word", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_bot_leaves_alone_what_it_cannot_change_any_more(site, word):
    number = site.open(detected())
    site.deliver(1)
    site.slack.fail_while((200, {}, f'{{"ok": false, "error": "{word}"}}'), path="chat.update")
    site.tell(number, K.ROLE_ASSIGNED, 2, data={"role": "commander", "name": "Aiko"})
    site.deliver(3)
    [(first, [update])] = site.slack.channel()
    assert "Aiko" in update
    assert "Aiko" not in first
    assert site.waiting().stopped == 0


def test_two_dispatchers_say_everything_once(open_site):
    site = open_site(messages={"storm_reports": None})
    first, second = site.dispatcher(), site.dispatcher()
    numbers = [site.open(detected(n, f"Incident {n}")) for n in range(8)]
    site.now = at(9)
    for number in numbers:
        site.tell(number, K.RESOLVED, 10)
    site.now = at(11)
    while site.waiting().pending:
        first.step()
        second.step()
    assert sorted(site.slack.texts()) == [f"[RESOLVED] Incident {n} (SEV-2)" for n in range(8)]


def test_it_does_not_repeat_what_a_killed_dispatcher_had_posted(site):
    """A dispatcher dies after Slack took the message and before that was noted."""
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.NOTE, 2, data={"text": "rerouted"})
    site.now = at(2)
    dying = site.dispatcher()
    settle = site.store.outbox.complete
    planned = iter([settle])

    def die(results, now):
        next(planned)(results, now)

    site.store.outbox.complete = die
    dying.step()
    with pytest.raises(StopIteration):
        dying.step()
    site.store.outbox.complete = settle
    site.deliver(9)
    [(_, answers)] = site.slack.channel()
    assert [text.splitlines()[1] for text in answers if "rerouted" in text] == [
        "• 09:02 UTC / 18:02 JST Note: rerouted"
    ]


def test_it_stops_at_a_template_that_cannot_be_filled_in_and_says_so(open_site, tmp_path, caplog):
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "update.txt.j2").write_text("{{ facts.nothing_of_the_kind }}")
    site = open_site(messages={"templates": tmp_path / "words"})
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.NOTE, 2, data={"text": "rerouted"})
    site.deliver(3)
    assert site.waiting().stopped == 1
    assert "nothing_of_the_kind" in caplog.text
    site.tell(number, K.RESOLVED, 4)
    site.deliver(5)
    assert site.slack.texts()[-1] == "[RESOLVED] Checkout fails (SEV-2)"


def test_no_log_tells_a_secret(open_site, caplog):
    for way in (BOT, INCOMING, GENERIC):
        site = open_site(way)
        site.open(detected())
        site.slack.fail_while((403, {}, "no"))
        dispatcher = site.dispatcher()
        while dispatcher.step():
            pass
        site.slack.work_again()
        site.close()
    assert caplog.text.count("permission denied") == 3
    assert not any(secret in caplog.text for secret in ("xoxb-", "/services/", "for-the-hook", "Bearer"))
