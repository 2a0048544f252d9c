"""One incident that several sources tell of, in whatever order; and two that only have the same name."""

from dataclasses import replace
from itertools import permutations

import pytest

from service.domain.events import EventKind, KeyedEvent
from service.recorder.commands import RecordEvents
from tests.builders import alert, delivery, event
from tests.house import House, listed

NAME = "2c26b46b68ffc68f"


def named(starts, ends=None, **fields):
    return replace(alert(starts, ends, **fields), aliases=(NAME,))


def page(house, kind, minutes, key="P1", aliases=(NAME,), **fields):
    page = event(kind, minutes, event_id=f"{key}-{kind}-{minutes}", source="pagerduty", **fields)
    body = f"{key}{kind}{minutes}".encode()
    return house.submit(RecordEvents((KeyedEvent(key, page, aliases),), delivery(600, body, source="pagerduty")))


def lines(house):
    return [line.id for line in listed(house.store)]


def opened(house):
    return sum(count for (indicator, *_), count in house.counters().items() if indicator == "opened")


STEPS = {
    "fires": lambda house: house.send(named(0)),
    "pages": lambda house: page(house, EventKind.DETECTED, 1),
    "acknowledged": lambda house: page(house, EventKind.ACKNOWLEDGED, 3),
    "clears": lambda house: house.send(named(0, 20)),
    "page ends": lambda house: page(house, EventKind.RESOLVED, 22, data={"resolution_source": "alerts"}),
}


@pytest.mark.parametrize("order", list(permutations(STEPS))[::5], ids=", ".join)
def test_it_makes_one_incident_of_an_alert_and_its_page_in_any_order(tmp_path, order):
    house = House(tmp_path / "mttx.db")
    try:
        for step in order:
            STEPS[step](house)
        assert house.intervals() == [(0, 20)]
        (number,) = lines(house)
        incident = house.get(number).incident
        assert incident.resolution_source == "alerts"
        assert incident.milestones["acknowledged"] == event(EventKind.NOTE, 3).occurred_at
        assert opened(house) == 1
    finally:
        house.close()


def test_it_counts_one_incident_where_the_page_comes_first(house):
    page(house, EventKind.DETECTED, 1)
    house.send(named(0))
    assert lines(house) == [1]
    assert opened(house) == 1


def test_it_keeps_apart_what_has_the_same_name_at_another_time(house):
    house.send(named(0, 5))
    page(house, EventKind.DETECTED, 100)
    assert lines(house) == [2, 1]
    house.send(named(99, 120))
    assert house.intervals() == [(0, 5), (99, 120)]


def test_it_keeps_apart_what_has_no_name_in_common(house):
    house.send(named(0))
    page(house, EventKind.DETECTED, 1, aliases=("other",))
    page(house, EventKind.DETECTED, 1, key="P2", aliases=())
    assert lines(house) == [3, 2, 1]


def test_a_name_stays_with_the_later_incident(house):
    house.send(named(100, 105))
    house.send(named(0, 5))
    assert page(house, EventKind.ACKNOWLEDGED, 103)[0].incident_id == 1


def test_a_person_who_resolves_the_page_ends_the_incident(house):
    house.send(named(0))
    page(house, EventKind.RESOLVED, 10)
    assert house.get(1).incident.resolution_source == "human"


def test_a_page_that_was_ended_by_its_alerts_ends_an_incident_of_which_we_know_no_alerts(house):
    page(house, EventKind.DETECTED, 0)
    page(house, EventKind.RESOLVED, 10, data={"resolution_source": "alerts"})
    assert house.intervals() == [(0, 10)]
    assert house.get(1).incident.resolution_source == "alerts"
    assert "acknowledged" not in house.get(1).incident.milestones


def test_an_incident_that_loses_a_firing_to_another_is_computed_anew(house):
    house.send(alert(0, 5))
    (second,) = house.send(named(40), received=40)
    assert house.send(named(90, fingerprint="f2", group="g2"), received=90) == [second]
    house.send(alert(0, 50), received=100)
    assert house.intervals() == [(0, 50), (90, None)]


def test_a_firing_that_was_seen_in_another_group_may_turn_out_to_be_part_of_an_earlier_one(house):
    house.send(alert(0, 5))
    house.send(alert(40, 45))
    house.send(alert(40, 45, group="g2"), alert(0, 41))
    assert house.intervals() == [(0, 45)]
