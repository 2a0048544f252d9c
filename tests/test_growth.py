"""Work grows with its input and no faster: four times as much takes at most five times as long.

Processor time of one thread, the best of several runs of both sizes by turns: no machine's speed is in it.
"""

import gc
import itertools
import json
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.events import EventKind as K
from service.domain.events import KeyedEvent
from service.domain.history import effective
from service.domain.incident import fold
from service.intake import alertmanager, alertmanager_events, grafana, lifecycle, pagerduty
from service.intake.alerts import AlertParseOptions
from service.intake.lifecycle import parse_event
from service.intake.wire import PayloadError
from service.recorder.commands import RecordEvents
from service.recorder.writer import Ticket
from service.web.pages.story import story
from service.web.timeline import timeline
from tests.builders import alert, at, delivery, episode, event, policy
from tests.house import House
from tests.intake.test_lifecycle import NOW, TOKYO, reading
from tests.web.fakes import World, record

pytestmark = pytest.mark.no_cover  # it measures processor time
RUNS = 7
MOST = 5.0


def nobody_waits(ticket):
    """What a ticket calls whose command is committed here."""


def seconds(work, subject):
    began = time.thread_time()
    work(subject)
    return time.thread_time() - began


def assert_linear(work, make, size):
    """Do `work` on what `make` gives for a size and for four times that; what refuses the input counts as work too.

    Three tries: a machine that does something else may spoil one; work that grows with the square takes sixteen times.
    """

    def done(subject):
        with suppress(PayloadError):
            work(subject)

    small, large = make(size), make(4 * size)
    grown = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            pairs = [(seconds(done, small), seconds(done, large)) for _ in range(RUNS)]
            grown.append(min(many for _, many in pairs) / min(few for few, _ in pairs))
            if grown[-1] <= MOST:
                return
    finally:
        gc.enable()
    pytest.fail(f"four times the input takes {min(grown):.1f} times as long")


# --- parsers --------------------------------------------------------------------------------------------------------


def notification(alerts=1, labels=0, text=0):
    label = {f"label_{n}": "x" for n in range(labels)}
    alert_ = {
        "status": "firing",
        "labels": {"alertname": "A", "severity": "critical", **label},
        "annotations": {"summary": "x" * text},
        "startsAt": "2026-11-23T18:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }
    firings = [alert_ | {"fingerprint": f"{n:016x}"} for n in range(alerts)]
    return json.dumps({"version": "4", "groupKey": "g", "alerts": firings}).encode()


def keys(count, end=""):
    inner = ",".join(f'"key-{n}": 1' for n in range(count))
    return f'{{"kind": "note", "incident_key": "x", "data": {{"text": "x", {inner}{end}}}}}'.encode()


def events(count, kind="note"):
    events = [{"kind": kind, "incident_key": f"k{n}", "data": {"text": "x"}} for n in range(count)]
    return json.dumps(events).encode()


ALERTS = AlertParseOptions(max_alerts=10**6, max_labels=10**6, max_text=10**7)
EVENTS = reading(max_events=10**6)
PARSERS = {
    "alertmanager, alerts": (lambda body: alertmanager.parse(body, ALERTS, NOW), notification, 300),
    "alertmanager, labels": (
        lambda body: alertmanager.parse(body, ALERTS, NOW),
        lambda n: notification(labels=n),
        500,
    ),
    "alertmanager, text": (
        lambda body: alertmanager.parse(body, ALERTS, NOW),
        lambda n: notification(text=n),
        50_000,
    ),
    "grafana, alerts": (
        lambda body: grafana.parse(body, ALERTS, NOW),
        notification,
        300,
    ),
    "pagerduty, keys": (lambda body: pagerduty.parse(body, {}, NOW), keys, 1000),
    "event recorder": (
        lambda body: alertmanager_events.parse(body, NOW, 10**6),
        lambda n: b"[" + b",".join([notification()] * n) + b"]",
        100,
    ),
    "lifecycle, events": (lambda body: lifecycle.parse(body, EVENTS, NOW), events, 300),
    "lifecycle, faults": (lambda body: lifecycle.parse(body, EVENTS, NOW), lambda n: events(n, "x"), 1000),
    "keys": (lambda body: parse_event(body, EVENTS, NOW), keys, 1000),
    "keys, the last one twice": (
        lambda body: parse_event(body, EVENTS, NOW),
        lambda n: keys(n, f', "key-{n - 1}": 2'),
        1000,
    ),
    "depth": (lambda body: parse_event(body, EVENTS, NOW), lambda n: b"[" * n + b"]" * n, 50_000),
    "nothing that is JSON": (lambda body: parse_event(body, EVENTS, NOW), lambda n: b"[1," * n, 50_000),
}


@pytest.mark.parametrize("parser", PARSERS)
def test_a_parser_takes_as_long_as_its_input_is(parser):
    work, make, size = PARSERS[parser]
    assert_linear(work, make, size)


# --- the fold -------------------------------------------------------------------------------------------------------


def notes(count):
    return [event(K.DETECTED), *(event(K.NOTE, n, event_id=f"n{n}", data={"text": "x"}) for n in range(count))]


def corrections(count):
    events = [
        event(K.CORRECTED, n, event_id=f"c{n}", data={"event_id": f"n{n}", "data": {"text": "y"}}) for n in range(count)
    ]
    return [*notes(count), *events]


def chain(count):
    """Retractions, each of the one before it; the last one is told first."""
    events = [event(K.RETRACTED, n, event_id=f"r{n}", data={"event_id": f"r{n - 1}"}) for n in range(1, count)]
    return [event(K.DETECTED), event(K.NOTE, event_id="r0", data={"text": "x"}), *reversed(events)]


def firings(count):
    return [episode(n, n + 5, fingerprint=f"{n:016x}") for n in range(count)]


@pytest.mark.parametrize("history", [notes, corrections, chain])
def test_a_fold_takes_as_long_as_its_history_is(history):
    assert_linear(lambda events: fold(1, events, [], policy(), at(0)), history, 500)
    assert_linear(effective, history, 500)


def test_a_fold_takes_as_long_as_there_are_firings():
    assert_linear(lambda episodes: fold(1, [], episodes, policy(), at(0)), firings, 500)


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", [notes, corrections, chain])
def test_a_story_takes_as_long_as_its_history_is(history):
    make = lambda n: record(*history(n))  # noqa: E731 - as short as it is
    assert_linear(lambda events: story(events, policy()), make, 300)
    assert_linear(lambda events: timeline(events, 1, policy(), TOKYO), make, 300)


@pytest.mark.parametrize("path", ["/incidents/INC-1", "/api/v1/incidents/INC-1", "/api/v1/incidents/INC-1/timeline"])
@pytest.mark.parametrize(
    "make", [lambda n: record(*notes(n)), lambda n: record(episodes=firings(n))], ids=["notes", "alerts"]
)
def test_a_page_takes_as_long_as_its_incident_is(path, make):
    world = World(clock=lambda: at(0) + timedelta(days=1))

    def show(history):
        world.store.records[1] = history
        assert world.get(path).status_code == 200

    show(make(1))
    assert_linear(show, make, 300)


# --- the recorder ---------------------------------------------------------------------------------------------------


def large_incident(path, alerts):
    house = House(path / f"{alerts}.db")
    for begin in range(0, alerts, 2000):
        house.send(*(alert(n / 1000, fingerprint=f"f{n}") for n in range(begin, min(alerts, begin + 2000))))
    return house


def test_a_large_incident_takes_one_more_alert_as_a_small_one_does(tmp_path):
    """Of 6000 alerts within three times what one of 200 takes: the new firing, its repeat, and its end."""
    houses = [large_incident(tmp_path, alerts) for alerts in (200, 6_000)]

    def take(house, *alerts):
        began = time.thread_time()
        for number, each in enumerate(alerts):
            house.recorder._commit([Ticket(house.notice(each, received=600 + number), nobody_waits)])
        return time.thread_time() - began

    taken = [[], []]
    for n in range(20):
        for house, times in zip(houses, taken, strict=True):
            firing, ended = alert(30, fingerprint=f"more{n}"), alert(30, 40, fingerprint=f"more{n}")
            times.append(take(house, firing, firing, ended))
    small, large = map(min, taken)
    assert all(house.intervals() == [(0, None)] for house in houses)
    for house in houses:
        house.close()
    assert large < 3 * small, f"{1000 * large:.1f} ms instead of {1000 * small:.1f} ms"


@pytest.mark.parametrize("many", ["retractions", "recoveries", "recoveries of alerts"])
def test_a_webhook_of_many_events_takes_as_long_as_they_are(tmp_path, many):
    house = House(tmp_path / "events.db")
    sent = itertools.count()
    tell = retractions if many == "retractions" else recoveries

    def new_command(size):
        key = f"k{next(sent)}"
        if many == "recoveries of alerts":
            house.send(replace(alert(0, fingerprint=key, group=key), aliases=(key,)))
        return RecordEvents(tuple(tell(size, key)), delivery(source="lifecycle"))

    def make(size):
        commands = [new_command(size) for _ in range(3 * RUNS)]
        return commands.pop

    assert_linear(lambda command: house.recorder._commit([Ticket(command(), nobody_waits)]), make, 200)
    house.close()


def retractions(size, key):
    """An incident, and retractions, each of the one before."""
    yield KeyedEvent(key, event(K.DETECTED, event_id="r0"))
    for n in range(1, size):
        yield KeyedEvent(key, event(K.RETRACTED, n, event_id=f"r{n}", data={"event_id": f"r{n - 1}"}))


def recoveries(size, key):
    for n in range(size):
        yield KeyedEvent(key, event(K.RESOLVED, n, untimed=True), (key,))
