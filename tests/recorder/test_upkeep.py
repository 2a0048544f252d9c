"""What happens although nobody asks."""

import logging
import threading

import pytest

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.policy import Milestone
from service.domain.recovery import ResolutionSource
from service.recorder.commands import Busy, CloseStale
from service.recorder.upkeep import Upkeep
from service.store import StoreUnavailable
from service.store.titles import next_block
from tests.builders import alert, at, event
from tests.house import wait_until

DAY = 24 * 60


class Recorder:
    """Raises what it is given, one after the other, and then takes everything."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.taken = []

    def submit(self, command):
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(command)


class Store:
    """Has nothing of an earlier version, and no titles to index."""

    def read(self, query):
        return None


def due(now):
    return [CloseStale(now)]


def test_it_submits_what_is_due_again_and_again():
    recorder = Recorder()
    upkeep = Upkeep(recorder, Store(), due, lambda: at(5), 0.001)
    upkeep.start()
    wait_until(lambda: len(recorder.taken) > 2)
    upkeep.stop()
    assert set(recorder.taken) == {CloseStale(at(5))}


def test_it_goes_on_when_nobody_could_tell_what_is_due(caplog):
    recorder, results = Recorder(), [ZeroDivisionError("a bug"), [CloseStale(at(5))]]

    def due(now):
        outcome = results.pop(0) if len(results) > 1 else results[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    upkeep = Upkeep(recorder, Store(), due, lambda: at(5), 0.001)
    upkeep.start()
    wait_until(lambda: recorder.taken)
    upkeep.stop()
    assert "ZeroDivisionError: a bug" in caplog.text


@pytest.mark.parametrize("error", [Busy("full"), StoreUnavailable("locked"), ValueError("a bug")])
def test_it_waits_its_turn_after_a_failure(error, caplog):
    recorder = Recorder(error, error)
    with caplog.at_level(logging.WARNING):
        upkeep = Upkeep(recorder, Store(), due, lambda: at(5), 0.001)
        upkeep.start()
        wait_until(lambda: recorder.taken)
        upkeep.stop()
    assert caplog.text.count("upkeep is delayed") == 2


def test_it_goes_on_when_titles_cannot_be_indexed(caplog):
    class Failing(Store):
        def read(self, query):
            if query is next_block:
                raise StoreUnavailable("the disk is full")

    recorder = Recorder()
    upkeep = Upkeep(recorder, Failing(), due, lambda: at(5), 0.001)
    upkeep.start()
    wait_until(lambda: len(recorder.taken) > 2)
    upkeep.stop()
    assert "indexing titles is delayed: the disk is full" in caplog.messages


def test_it_stops_at_once_and_asks_for_nothing_more():
    recorder = Recorder()
    upkeep = Upkeep(recorder, Store(), due, lambda: at(5), 3600)
    upkeep.start()
    upkeep.stop()
    assert recorder.taken == []
    assert "upkeep" not in {thread.name for thread in threading.enumerate()}


def test_it_closes_an_incident_without_alerts_that_nobody_spoke_of(house):
    house.open()
    house.submit(CloseStale(at(DAY + 1)))
    incident = house.get(1).incident
    assert (incident.phase, incident.resolution_source) == (Phase.RESOLVED, ResolutionSource.STALE)
    assert incident.milestones[Milestone.RESOLVED] == at(DAY)


def test_it_closes_what_is_stale_once(house):
    house.open()
    house.submit(CloseStale(at(DAY + 1)))
    assert house.submit(CloseStale(at(DAY + 2))) == ()
    assert len(house.get(1).events) == 2


def test_it_answers_for_every_incident_it_closes(house):
    house.open()
    house.open(event(EventKind.DETECTED, DAY))
    house.send(alert(0), received=1)
    assert [o.incident_id for o in house.submit(CloseStale(at(DAY + 5)))] == [1, 3]


def test_it_lets_people_resolve_what_it_only_assumed_resolved(house):
    house.open()
    house.submit(CloseStale(at(DAY + 1)))
    house.tell(1, EventKind.RESOLVED, 90)
    incident = house.get(1).incident
    assert (incident.milestones[Milestone.RESOLVED], incident.resolution_source) == (at(90), ResolutionSource.HUMAN)
