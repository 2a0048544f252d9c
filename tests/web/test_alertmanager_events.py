"""The webhook of the event recorder, on a real store: it ends what nobody notifies of, in any order."""

import re
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from service.domain.events import EventKind
from service.domain.silences import People
from service.recorder.commands import Busy
from service.web.services import Sources
from tests.house import House, listed
from tests.intake.test_alertmanager_events import changed, good
from tests.web.fakes import World, assert_problem

PATH = "/webhooks/alertmanager-events"
NOW = datetime(2026, 11, 24, 0, 20, tzinfo=UTC)
FIRING = {
    "version": "4",
    "groupKey": '{}:{alertname="CheckoutDown"}',
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "CheckoutDown", "severity": "critical"},
            "startsAt": "2026-11-24T00:13:28Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "04aab5f40291ffe2",
        }
    ],
}


@pytest.fixture
def world():
    return World(clock=lambda: NOW)


@pytest.fixture
def real(tmp_path):
    house = House(tmp_path / "mttx.db")
    sources = Sources(people=People(authors=re.compile(".")))
    world = World(recorder=house.recorder, store=house.store, sources=sources, clock=lambda: NOW)
    world.house = house
    yield world
    house.close()


STEPS = {
    "fires": lambda world: world.post("/webhooks/alertmanager", json=FIRING),
    "resolved": lambda world: world.post(PATH, data=good("alert_resolved")),
    "again": lambda world: world.post(PATH, data=good("batch")),
}


@pytest.mark.parametrize("order", list(permutations(STEPS)), ids=", ".join)
def test_it_ends_what_was_silenced_while_it_cleared_in_any_order(real, order):
    for step in order:
        assert STEPS[step](real).status_code == 200
    (line,) = listed(real.house.store)
    assert line.phase == "resolved"
    assert line.milestones["resolved"] - line.milestones["detected"] == timedelta(seconds=35)


def test_it_opens_nothing_for_an_alert_that_nobody_was_notified_of(real):
    real.post(PATH, data=good("alert_resolved"))
    assert listed(real.house.store) == ()


def test_a_silence_acknowledges(real):
    STEPS["fires"](real)
    for name in ("silence_created", "silence_muted_alert"):
        assert real.post(PATH, data=good(name)).get_json()["events"] == 1
    incident = real.house.get(1)
    assert incident.incident.milestones["acknowledged"] == datetime(2026, 11, 24, 0, 14, 1, 892431, tzinfo=UTC)
    assert [event.kind for event in incident.events] == ["acknowledged"]
    assert "sam" not in repr(incident)


def test_a_silence_says_nothing_where_that_is_not_asked_for(world):
    world.post(PATH, data=good("silence_created"))
    assert world.recorder.commands == []


def test_it_counts_what_it_cannot_read_and_takes_the_rest(world):
    bad = changed("alert_resolved", "alertResolved", "alert", "details", "endsAt", to="soon")
    response = world.post(PATH, data=b"[" + bad + b"," + good("alert_resolved") + b"]")
    assert response.status_code == 200
    assert len(world.recorder.commands) == 1
    assert world.failures() == {("alertmanager_events", "invalid_payload"): 1}


def test_it_answers_503_for_what_may_pass(world):
    world.recorder.error = Busy("full")
    assert world.post(PATH, data=good("alert_resolved")).status_code == 503


def test_it_answers_400_for_what_is_no_event(world):
    assert_problem(world.post(PATH, data=b"{}"), 400, "invalid_payload")


def test_all_that_one_request_says_is_one_commit(real):
    """An end and a silence that acknowledges several incidents; one of them does not allow it and holds up nobody."""
    for number in range(4):
        alert = FIRING["alerts"][0] | {"fingerprint": f"{number:016x}"}
        firing = FIRING | {"groupKey": f'{{}}:{{n="{number}"}}', "alerts": [alert]}
        assert real.post("/webhooks/alertmanager", json=firing).status_code == 200
    STEPS["fires"](real)
    real.house.tell(4, EventKind.DISMISSED, occurred_at=datetime(2026, 11, 24, 0, 13, 30, tzinfo=UTC))
    before = real.house.recorder.stats.commits
    body = b"[" + good("silence_created") + b"," + good("alert_resolved") + b"]"
    assert real.post(PATH, data=body).status_code == 200
    assert real.house.recorder.stats.commits == before + 1
    acknowledged = [number for number in range(1, 6) if "acknowledged" in real.house.get(number).incident.milestones]
    assert acknowledged == [1, 2, 3, 5]
