"""The polling thread: a failed poll is repeated, and harms no other."""

import logging
from datetime import timedelta
from threading import Event

import pytest

from service.clients.errors import RequestFailed
from service.polling.poller import Poller
from service.recorder.commands import Busy
from service.store import StoreUnavailable
from tests.builders import at


class FakePoll:
    def __init__(self, name="step", error=None):
        self.name, self.error, self.runs, self.done = name, error, 0, Event()

    def run(self, now):
        self.runs += 1
        self.done.set()
        if self.error:
            raise self.error


def poller_of(*polls, seconds=0.01):
    return Poller(polls, lambda: at(0), timedelta(seconds=seconds))


@pytest.mark.parametrize("error", [RequestFailed("x"), Busy("x"), StoreUnavailable("x"), ValueError("x")])
def test_a_poll_that_fails_leaves_the_others_alone(error):
    failing, other = FakePoll(error=error), FakePoll("other")
    poller_of(failing, other).round()
    assert other.runs == 1


def test_it_warns_once_that_a_poll_fails(caplog):
    failing = FakePoll(error=RequestFailed("http://prometheus: ConnectionError"))
    poller = poller_of(failing)
    with caplog.at_level(logging.WARNING):
        poller.round()
        poller.round()
        assert len(caplog.records) == 1
        failing.error = None
        poller.round()
        failing.error = RequestFailed("again")
        poller.round()
    assert len(caplog.records) == 2


def test_it_runs_until_it_is_stopped():
    poll = FakePoll()
    poller = poller_of(poll)
    poller.start()
    assert poll.done.wait(10)
    poller.stop()
    runs = poll.runs
    poller.round()
    assert poll.runs == runs


def test_it_starts_no_thread_where_there_is_nothing_to_ask():
    poller = poller_of()
    poller.start()
    poller.stop()
