"""The tables of trends: kept only as far as they are expensive."""

import threading
from itertools import count

import pytest

from service.domain.periods import Calendar, latest_periods
from service.store import StoreUnavailable
from service.web.pages import period_tables
from service.web.pages.period_tables import PeriodTables
from tests.web.fakes import NOW, TOKYO, World

PERIODS = latest_periods(Calendar.MONTH, 2, NOW, TOKYO)


@pytest.fixture
def tables(monkeypatch):
    """Tables whose rows are numbers that count the computations; each look at the clock takes `clock.step` seconds."""

    class Clock:
        now, step = 0.0, 0.0

        def monotonic(self):
            self.now += self.step
            return self.now

    numbers, clock = count(), Clock()
    monkeypatch.setattr(period_tables, "time", clock)
    built = PeriodTables(World(select=lambda selection, now: {"": [next(numbers)]}).services)
    built.clock = clock
    return built


def rows(tables, dimensions=None):
    return [of_period.rows[0] for of_period in tables.of(PERIODS, dimensions or {}, NOW)]


def test_what_is_cheap_is_computed_each_time(tables):
    assert (rows(tables), rows(tables)) == ([0, 1], [2, 3])


def test_what_is_expensive_is_kept_in_proportion_and_longer_once_the_period_has_ended(tables):
    tables.clock.step = 1.0
    assert rows(tables) == [0, 1]
    tables.clock.step = 0.0
    assert rows(tables) == [0, 1]
    tables.clock.now += period_tables.KEEP + 1
    assert rows(tables) == [0, 2]
    tables.clock.now += period_tables.KEEP_ENDED
    assert rows(tables) == [3, 4]


def test_dimensions_are_kept_apart_and_the_oldest_make_room(tables, monkeypatch):
    monkeypatch.setattr(period_tables, "MAX_KEPT", 2)
    tables.clock.step = 1.0
    assert rows(tables) == [0, 1]
    assert rows(tables, {"team": "a"}) == [2, 3]
    tables.clock.step = 0.0
    assert rows(tables, {"team": "a"}) == [2, 3]
    assert rows(tables) == [4, 5]


def test_while_they_are_computed_others_wait_for_a_while_only(tables, monkeypatch):
    monkeypatch.setattr(period_tables, "TURN_SECONDS", 0.01)
    entered, leave = threading.Event(), threading.Event()

    def select(selection, now):
        entered.set()
        leave.wait(10)
        return {"": [0]}

    slow = PeriodTables(World(select=select).services)
    thread = threading.Thread(target=rows, args=(slow,))
    thread.start()
    assert entered.wait(10)
    with pytest.raises(StoreUnavailable):
        rows(slow)
    leave.set()
    thread.join()
    assert rows(slow) == [0, 0]
