"""Silences that acknowledge incidents, as the background thread finds them."""

import re

import pytest

from service.clients.errors import RequestFailed
from service.domain.policy import Milestone
from service.domain.silences import Matcher, People, Silence
from service.polling.silences import SilencePoll
from tests.builders import at
from tests.polling.fakes import FakeRecorder, FakeStore, firing, recent


class FakeAlertmanager:
    def __init__(self, *silences, down=False):
        self.held, self.down, self.asked = list(silences), down, 0

    def silences(self):
        self.asked += 1
        if self.down:
            raise RequestFailed("http://alertmanager: ConnectionError")
        return self.held


def silence(minutes=3, number="s1"):
    return Silence(id=number, made_at=at(minutes), author="sam", sets=((Matcher("service", "checkout"),),))


def looked(*alertmanagers, held=None, **options):
    recorder = FakeRecorder()
    people = People(authors=re.compile("."))
    SilencePoll(alertmanagers, FakeStore((held or recent(),)), recorder, people, **options).run(at(9))
    return recorder.commands


def test_it_looks_at_the_alerts_of_one_sender():
    of_eu = recent(firing(source="alertmanager@eu"))
    (command,) = looked(FakeAlertmanager(silence()), held=of_eu, source="alertmanager@eu")
    assert command.event.source == "alertmanager@eu"
    assert looked(FakeAlertmanager(silence()), held=of_eu) == []
    assert looked(FakeAlertmanager(silence()), source="alertmanager@eu") == []


def test_it_acknowledges_at_the_time_the_silence_was_made_and_names_nobody():
    (command,) = looked(FakeAlertmanager(silence()))
    event = command.event
    assert (event.kind, event.occurred_at, event.source) == ("acknowledged", at(3), "alertmanager")
    assert command.incident_id == 1
    assert "sam" not in repr(event)


def test_it_takes_a_silence_of_a_cluster_once():
    assert len(looked(FakeAlertmanager(silence()), FakeAlertmanager(silence()))) == 1


def test_it_asks_nothing_where_all_is_acknowledged():
    alertmanager = FakeAlertmanager(silence())
    assert looked(alertmanager, held=recent(**{Milestone.ACKNOWLEDGED: at(1)})) == []
    assert alertmanager.asked == 0


def test_it_asks_nothing_of_alerts_that_alertmanager_does_not_know():
    alertmanager = FakeAlertmanager(silence())
    assert looked(alertmanager, held=recent(firing(source="grafana"))) == []
    assert alertmanager.asked == 0


def test_it_asks_again_later_where_one_does_not_answer():
    with pytest.raises(RequestFailed):
        looked(FakeAlertmanager(silence()), FakeAlertmanager(down=True))
