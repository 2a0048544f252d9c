"""Many incidents at once: few messages, in which every incident is named, and which stay up to date."""

import re
from collections import Counter
from datetime import timedelta

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import at, event
from tests.messages.loopback import CHANNEL

COMMANDER = {"role": "commander", "name": "Aiko"}


def break_out(site, count, minutes=0, title="Disk {n} is full"):
    """Open many incidents in few transactions; answers their ids."""
    ids = []
    for begin in range(0, count, 250):
        events = [
            (
                f"{minutes}-{n}",
                event(
                    K.DETECTED, minutes, event_id=f"e-{minutes}-{n}", title=title.format(n=n), severity=Severity.SEV_2
                ),
            )
            for n in range(begin, min(begin + 250, count))
        ]
        ids += [outcome.incident_id for outcome in site.hook(*events, body=f"{minutes} {begin}".encode())]
    return ids


def run(site, dispatchers, pause=5):
    """Let replicas work until nothing waits; Slack's clock is ours."""
    for _ in range(3000):
        site.slack.now = max(site.slack.now, site.now.timestamp())
        steps = [dispatcher.step() for dispatcher in dispatchers]
        if not any(steps):
            waiting = site.waiting()
            if not waiting.pending and (not waiting.next_at or waiting.next_at > site.now + timedelta(minutes=3)):
                return
            site.now += timedelta(seconds=pause)
    raise AssertionError(f"still waiting: {site.waiting()}")


def storms(site):
    return [m["text"] for m in site.slack.messages.values() if m["text"].startswith("[STORM]")]


def named(texts):
    return Counter(name for text in texts for name in re.findall(r"(?<!/)INC-[0-9]+", text))


STORMS = [
    pytest.param(2_000, "Disk {n} is full", marks=pytest.mark.no_cover),
    (400, "Latency"),
    (400, "x" * 190 + " {n}"),
]


@pytest.mark.parametrize(("count", "title"), STORMS)
def test_a_storm_is_few_messages_that_name_everything(open_site, count, title):
    site = open_site()
    ids = break_out(site, count, title=title)
    site.now = at(0)
    replicas = [site.dispatcher(), site.dispatcher()]
    for _ in range(60):  # both work at it, and are replaced in the middle
        for dispatcher in replicas:
            dispatcher.step()
    run(site, [site.dispatcher(), site.dispatcher()])
    posted = Counter(int(float(ts) - at(0).timestamp()) // 60 for ts in site.slack.messages)
    assert max(posted.values()) <= 10
    assert len(storms(site)) == len(site.slack.messages) - 5 == -(-(count - 5) // 300)
    assert all(len(text) <= 4_000 for text in storms(site))
    assert named(m["text"] for m in site.slack.messages.values() if not m.get("thread_ts")) == {
        f"INC-{number}": 1 for number in ids
    }
    before = len(site.slack.messages)
    for number in ids[: count // 2]:
        site.tell(number, K.RESOLVED, 20)
    site.now = at(21)
    run(site, replicas)
    assert len(site.slack.messages) - before == 5  # the end of those with a message of their own
    assert (
        sum(int(re.search(r"Over \(([0-9]+)\)", text)[1]) for text in storms(site) if "Over" in text) == count // 2 - 5
    )


def test_what_someone_acts_on_gets_its_own_thread(site):
    ids = break_out(site, 8)
    run(site, [site.dispatcher()])
    [storm] = storms(site)
    assert named([storm]) == {f"INC-{number}": 1 for number in ids[5:]}
    site.tell(ids[6], K.ACKNOWLEDGED, 10)
    site.tell(ids[6], K.ROLE_ASSIGNED, 11, data=COMMANDER)
    site.now = at(12)
    run(site, [site.dispatcher()])
    [(text, replies)] = [(text, replies) for text, replies in site.slack.channel() if "Aiko" in text]
    assert f"INC-{ids[6]}" in text
    assert "1 of them acknowledged" in storms(site)[0]
    site.tell(ids[6], K.RESOLVED, 20)
    site.now = at(21)
    run(site, [site.dispatcher()])
    [replies] = [replies for text, replies in site.slack.channel() if "Aiko" in text]
    assert replies[-1].startswith("[RESOLVED]")
    assert f"Over (1): INC-{ids[6]}" in storms(site)[0]


def test_what_is_only_named_sends_no_reminders(site):
    ids = break_out(site, 7)
    run(site, [site.dispatcher()])
    site.now = at(31)
    site.deliver(31)
    reminded = named(text for _, replies in site.slack.channel() for text in replies)
    assert set(reminded) == {f"INC-{number}" for number in ids[:5]}


def test_it_is_over_when_the_window_is(site):
    break_out(site, 7)
    run(site, [site.dispatcher()])
    site.now = at(10)
    break_out(site, 1, minutes=10, title="Later")
    run(site, [site.dispatcher()])
    assert site.slack.channel()[-1][0].startswith("[SEV-2] Incident detected — Later")
    break_out(site, 9, minutes=10, title="Again")
    run(site, [site.dispatcher()])
    assert len(storms(site)) == 2


def test_it_can_be_switched_off(open_site):
    site = open_site(messages={"storm_reports": None})
    break_out(site, 12)
    run(site, [site.dispatcher()])
    assert len(site.slack.channel()) == 12


def test_each_channel_has_its_own(open_site):
    other = "C0456789012"
    site = open_site()
    site.slack.channels.add(other)
    slack = site.settings.slack.model_copy(update={"channels": {"team": {"payments": other}}})
    site.settings = site.settings.model_copy(update={"slack": slack})
    ids = break_out(site, 6)
    for number in ids[:3]:
        site.tell(number, K.DESCRIBED, 0, labels={"team": "payments"})
    run(site, [site.dispatcher()])
    assert (len(site.slack.channel(other)), len(site.slack.channel(CHANNEL))) == (3, 3)
    assert storms(site) == []


def test_a_storm_while_slack_is_down_is_told_once_afterwards(site):
    site.slack.fail_while("drop")
    ids = break_out(site, 40)
    dispatcher = site.dispatcher()
    for _ in range(200):
        dispatcher.step()
    site.now = at(2)
    site.slack.work_again()
    site.slack.fail_once("drop", "after", "postMessage")
    run(site, [dispatcher])
    assert len(site.slack.messages) <= 7
    assert named(m["text"] for m in site.slack.messages.values()) == {f"INC-{number}": 1 for number in ids}


def test_what_many_act_on_gets_its_own_message_once_there_is_room_and_loses_nothing(site):
    ids = break_out(site, 8)
    run(site, [site.dispatcher()])
    break_out(site, 8, minutes=10, title="Again {n}")
    site.now = at(10)
    run(site, [site.dispatcher()])
    for number in ids[5:7]:
        site.tell(number, K.NOTE, 10, data={"text": f"rerouted {number}"})
    run(site, [site.dispatcher()])
    assert len(storms(site)) == 2
    assert not any("rerouted" in text for text, _ in site.slack.channel())
    assert site.waiting().pending == 0
    site.tell(ids[6], K.RESOLVED, 12)
    site.tell(ids[5], K.NOTE, 12, data={"text": "and watched"})
    site.now = at(12)
    run(site, [site.dispatcher()])
    site.now = at(16)
    run(site, [site.dispatcher()])
    [(text, [reply])] = [thread for thread in site.slack.channel() if "rerouted" in thread[0]]
    assert f"rerouted {ids[5]}" in text
    assert "and watched" in reply
    assert len(storms(site)) == 2


def test_a_storm_under_a_clock_that_is_ahead_is_told_once_that_is_right(site):
    ids = break_out(site, 12)
    site.now = at(6 * 60)
    dispatcher = site.dispatcher()
    while dispatcher.step():
        pass
    site.tell(ids[8], K.NOTE, 1, data={"text": "rerouted"})
    while dispatcher.step():
        pass
    assert storms(site) == []
    site.now = at(2)
    run(site, [dispatcher])
    assert set(named(m["text"] for m in site.slack.messages.values())) == {f"INC-{number}" for number in ids}
