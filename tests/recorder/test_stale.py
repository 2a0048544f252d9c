"""Incidents that are closed because nothing reports them any more, and those that are reported after all."""

from service.domain.incident import Phase
from service.domain.policy import Milestone
from service.domain.recovery import ResolutionSource
from service.recorder.commands import CloseStale
from tests.builders import alert, at
from tests.house import House


def test_it_closes_what_nothing_is_heard_of(house: House) -> None:
    house.send(alert(0), received=0)
    day = 24 * 60
    assert house.recorder.submit(CloseStale(at(day - 1))) == ()
    house.recorder.submit(CloseStale(at(day + 1)))
    incident = house.get(1).incident
    assert incident.resolution_source is ResolutionSource.STALE
    assert incident.milestones[Milestone.RESOLVED] == at(day)
    assert house.send(alert(day + 600), received=day + 600) == [2]


def test_it_takes_a_stale_end_back_when_the_alert_is_heard_again(house: House) -> None:
    day = 24 * 60
    house.send(alert(0), received=0)
    house.recorder.submit(CloseStale(at(day + 1)))
    assert house.send(alert(0), received=2 * day) == [1]
    assert house.get(1).incident.phase is Phase.DETECTED
    house.send(alert(0, 2 * day + 7), received=2 * day + 9)
    assert house.intervals() == [(0, 2 * day + 7)]
    assert house.get(1).incident.resolution_source is ResolutionSource.ALERTS


def test_it_prefers_a_late_resolved_to_a_stale_end(house: House) -> None:
    day = 24 * 60
    house.send(alert(0), received=0)
    house.recorder.submit(CloseStale(at(day + 1)))
    house.send(alert(0, 50), received=day + 2)
    assert house.intervals() == [(0, 50)]
    assert house.get(1).incident.resolution_source is ResolutionSource.ALERTS


def test_it_closes_nothing_that_was_heard_of_in_the_same_batch(house: House) -> None:
    day = 24 * 60
    house.send(alert(0), received=0)
    notified, closed = house.together(house.notice(alert(0), received=day + 1), CloseStale(at(day + 2)))
    assert [o.incident_id for o in notified] == [1]
    assert closed == ()
    assert house.get(1).incident.phase is Phase.DETECTED
    assert house.get(1).incident.stale_at == at(2 * day + 1)


def test_it_closes_nothing_that_ended_in_the_same_batch(house: House) -> None:
    day = 24 * 60
    house.send(alert(0), received=0)
    _, closed = house.together(house.notice(alert(0, 5), received=day), CloseStale(at(day + 1)))
    assert closed == ()
    assert house.get(1).events == ()
