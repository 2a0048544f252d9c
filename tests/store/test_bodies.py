"""The raw bodies that told of an incident, and no others."""

import pytest

from service.domain.events import EventKind
from service.recorder.commands import RecordAlerts
from service.store.bodies import bodies_of
from tests.builders import alert, at, delivery, event
from tests.house import House


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "mttx.db")
    yield made
    made.close()


def contents(house, incident_id, **page):
    return [body.content for body in house.store.read(bodies_of, incident_id, **{"limit": 10, **page}).bodies]


def test_it_has_the_bodies_of_alerts_and_of_events(house):
    (opened,) = house.submit(RecordAlerts((alert(0),), delivery(1, b"first")))
    house.submit(RecordAlerts((alert(0, 9),), delivery(10, b"second")))
    house.submit(RecordAlerts((alert(0, fingerprint="f9", group="g9"),), delivery(2, b"another incident")))
    assert contents(house, opened.incident_id) == [b"first", b"second"]
    (keyed,) = house.hook(("jira-1", event(EventKind.DETECTED)), body=b"of an event")
    assert contents(house, keyed.incident_id) == [b"of an event"]


def test_a_repeat_is_there_once_with_its_count(house):
    for minute in (1, 5):
        (opened,) = house.submit(RecordAlerts((alert(0),), delivery(minute, b"same")))
    (body,) = house.store.read(bodies_of, opened.incident_id, limit=10).bodies
    assert (body.times, body.first_received_at, body.last_received_at) == (2, at(1), at(5))
    assert (body.source, len(body.digest)) == ("alertmanager", 32)


def test_a_body_that_told_nothing_new_is_left_out(house):
    house.submit(RecordAlerts((alert(0),), delivery(1, b"first")))
    (opened,) = house.submit(RecordAlerts((alert(0),), delivery(2, b"of another peer, about the same")))
    assert contents(house, opened.incident_id) == [b"first"]


def test_it_comes_page_by_page(house):
    for minute in range(5):
        news = alert(0, fingerprint=f"f{minute}")
        (opened,) = house.submit(RecordAlerts((news,), delivery(minute, b"%d" % minute)))
    page = house.store.read(bodies_of, opened.incident_id, skip=2, limit=2)
    assert [body.content for body in page.bodies] == [b"2", b"3"]
    assert page.next_skip == 4
    assert house.store.read(bodies_of, opened.incident_id, skip=4, limit=2).next_skip is None


def test_a_merged_incident_has_the_bodies_of_the_one_that_absorbed_it(house):
    (opened,) = house.submit(RecordAlerts((alert(0),), delivery(1, b"one")))
    (other,) = house.submit(RecordAlerts((alert(0, fingerprint="f9", group="g9"),), delivery(2, b"other")))
    house.tell(other.incident_id, EventKind.MERGED, 5, data={"into": f"INC-{opened.incident_id}"})
    assert contents(house, opened.incident_id) == contents(house, other.incident_id) == [b"one", b"other"]


def test_an_incident_of_which_no_webhook_told_has_none(house):
    assert contents(house, house.open()) == []
    assert contents(house, 999) == []
