"""The thread that asks: what fails is asked again, and harms nothing else."""

import logging
from datetime import timedelta
from threading import Event

import pytest

from service.clients.json_api import RequestFailed
from service.polling.loop import Inquiry
from service.recorder.commands import Busy
from service.store import StoreUnavailable
from tests.builders import at


class Step:
    def __init__(self, name="step", error=None):
        self.name, self.error, self.steps, self.done = name, error, 0, Event()

    def step(self, now):
        self.steps += 1
        self.done.set()
        if self.error:
            raise self.error


def inquiry(*steps, seconds=0.01):
    return Inquiry(steps, lambda: at(0), timedelta(seconds=seconds))


@pytest.mark.parametrize("error", [RequestFailed("x"), Busy("x"), StoreUnavailable("x"), ValueError("x")])
def test_a_step_that_fails_leaves_the_others_alone(error):
    failing, other = Step(error=error), Step("other")
    inquiry(failing, other).round()
    assert other.steps == 1


def test_it_says_once_that_a_step_fails(caplog):
    failing = Step(error=RequestFailed("http://prometheus: ConnectionError"))
    asking = inquiry(failing)
    with caplog.at_level(logging.WARNING):
        asking.round()
        asking.round()
        assert len(caplog.records) == 1
        failing.error = None
        asking.round()
        failing.error = RequestFailed("again")
        asking.round()
    assert len(caplog.records) == 2


def test_it_runs_until_it_is_stopped():
    step = Step()
    asking = inquiry(step)
    asking.start()
    assert step.done.wait(10)
    asking.stop()
    done = step.steps
    asking.round()
    assert step.steps == done


def test_it_starts_no_thread_where_there_is_nothing_to_ask():
    asking = inquiry()
    asking.start()
    asking.stop()
