"""Tests that came, and severities that no rule maps: kept with the bodies, of no incident, forgotten with them."""

import pytest

from service.domain.events import ReceivedWebhook
from service.recorder.commands import PruneBodies, RecordAlerts
from service.store.bodies import bodies_of
from service.store.notices import TEST, UNMAPPED, Notices, notices_since, unmapped_body
from tests.builders import alert, at, delivery
from tests.house import House, listed


@pytest.fixture
def house(database_url):
    made = House(database_url)
    yield made
    made.close()


def note(minute, fingerprint, severity):
    return ReceivedWebhook(UNMAPPED, unmapped_body("alertmanager", fingerprint, severity), at(minute))


def test_there_is_nothing_to_notice_in_an_empty_store(house):
    assert house.store.read(notices_since, at(-100)) == Notices()


def test_each_alert_counts_once_however_often_it_comes(house):
    for minute in (0, 5):
        notes = (note(minute, "f1", "urgent"), note(minute, "f2", "urgent"), note(minute, "f3", ""))
        house.submit(RecordAlerts((alert(0),), delivery(minute), notes))
    assert sorted(house.store.read(notices_since, at(-1)).unmapped) == ["", "urgent", "urgent"]
    assert house.store.read(notices_since, at(5)).unmapped == ()
    (line,) = listed(house.store)
    assert len(house.store.read(bodies_of, line.id, limit=10).bodies) == 1


def test_a_test_is_noticed_alone(house):
    assert house.submit(RecordAlerts((), ReceivedWebhook(TEST, b"{}", at(3)))) == ()
    assert house.store.read(notices_since, at(0)) == Notices(test_at=at(3))
    assert listed(house.store) == ()


def test_they_are_forgotten_with_the_bodies(house):
    house.submit(RecordAlerts((), ReceivedWebhook(TEST, b"{}", at(3)), (note(3, "f1", "urgent"),)))
    house.submit(PruneBodies(at(4)))
    assert house.store.read(notices_since, at(0)) == Notices()
