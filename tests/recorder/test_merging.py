"""Merges that a sender reports by its own keys: one incident, whatever was reported first."""

from itertools import permutations

import pytest

from service.domain.events import EventKind as K
from service.domain.events import KeyedEvent
from service.domain.incident import Phase
from service.recorder.commands import RecordEvents
from tests.builders import at, delivery, event
from tests.house import House, listed

STEPS = {
    "kept": ("KEPT", K.DETECTED, 0, {}),
    "kept ends": ("KEPT", K.RESOLVED, 50, {}),
    "double": ("DOUBLE", K.DETECTED, 5, {}),
    "double acknowledged": ("DOUBLE", K.ACKNOWLEDGED, 7, {}),
    "double merged": ("DOUBLE", K.MERGED, 10, {"into_key": "KEPT"}),
    "third": ("THIRD", K.DETECTED, 6, {}),
    "third merged": ("THIRD", K.MERGED, 8, {"into_key": "DOUBLE"}),
}


def page(house, step):
    key, kind, minutes, data = STEPS[step]
    fields = {"title": key, "data": {"incident_key": key, **data}}
    page = event(kind, minutes, event_id=step, source="pagerduty", recorded_at=at(600), **fields)
    body = RecordEvents((KeyedEvent(key, page),), delivery(600, step.encode(), source="pagerduty"))
    return house.submit(body)


def incidents(house):
    lines = listed(house.store)
    return [house.get(line.id).incident for line in lines]


@pytest.mark.parametrize("order", list(permutations(STEPS))[::331], ids=", ".join)
def test_it_makes_one_incident_in_any_order(tmp_path, order):
    house = House(tmp_path / "mttx.db")
    try:
        for step in (*order, *order[:3]):
            page(house, step)
        (incident,) = incidents(house)
        assert (incident.title, incident.phase) == ("KEPT", Phase.RESOLVED)
        assert {m.value: instant for m, instant in incident.milestones.items()} == {
            "detected": at(0),
            "acknowledged": at(7),
            "resolved": at(50),
        }
    finally:
        house.close()


def test_it_dismisses_while_the_target_is_unknown(house):
    for step in ("third", "third merged"):
        page(house, step)
    (incident,) = incidents(house)
    assert (incident.phase, incident.dismissed_at) == (Phase.DISMISSED, at(8))
    for step in ("double", "double merged"):
        page(house, step)
    (incident,) = incidents(house)
    assert incident.phase is Phase.DISMISSED  # the target of the target is unknown
    page(house, "kept")
    (incident,) = incidents(house)
    assert (incident.phase, incident.title) == (Phase.DETECTED, "KEPT")


def test_every_number_of_a_merged_incident_keeps_answering(house):
    numbers = [page(house, step)[0].incident_id for step in ("kept", "double", "double merged")]
    assert numbers == [1, 2, 1]
    assert house.get(2).incident.id == 1
    assert page(house, "double acknowledged")[0].incident_id == 1


def test_a_target_that_was_dismissed_here_stays_dismissed(house):
    page(house, "kept")
    house.tell(1, K.DISMISSED, 3)
    for step in ("double", "double merged"):
        page(house, step)
    (incident,) = incidents(house)
    assert (incident.id, incident.phase) == (1, Phase.DISMISSED)
