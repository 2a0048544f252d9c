"""The tables of trends: kept only as far as they are expensive, or nothing changed."""

import threading
from itertools import count

import pytest

from service.domain.indicators import Row, Summary, summarize
from service.domain.periods import Calendar, latest_periods
from service.domain.policy import Indicator
from service.store import StoreUnavailable
from service.web.pages import period_tables
from service.web.pages.period_tables import PeriodTables
from tests.web.fakes import NOW, TOKYO, FakeStore, World

PERIODS = latest_periods(Calendar.MONTH, 2, NOW, TOKYO)


def row(seconds):
    return Row(Indicator.RESOLVE, None, summarize([float(seconds)]), None, None)


@pytest.fixture
def tables(monkeypatch):
    """Tables whose samples count the computations; each look at the clock takes `clock.step` seconds."""

    class Clock:
        now, step = 0.0, 0.0

        def monotonic(self):
            self.now += self.step
            return self.now

    numbers, clock, store = count(), Clock(), FakeStore()
    monkeypatch.setattr(period_tables, "time", clock)
    built = PeriodTables(World(store=store, select=lambda selection, now: {"": [row(next(numbers))]}).services)
    built.clock, built.store = clock, store
    return built


def samples(tables, dimensions=None):
    return [of_period.rows[0].summary.statistics["max"] for of_period in tables.of(PERIODS, dimensions or {}, NOW)]


def test_a_table_is_kept_until_an_incident_of_its_period_changes(tables):
    assert samples(tables) == samples(tables) == [0, 1]
    tables.store.changes = [0, 1]
    assert samples(tables) == samples(tables) == [0, 2]
    tables.store.changes = [1, 1]
    assert samples(tables) == [3, 2]


def test_what_is_expensive_is_kept_through_changes_in_proportion(tables):
    tables.clock.step = 1.0
    assert samples(tables) == [0, 1]
    tables.clock.step, tables.store.changes = 0.0, [1, 1]
    assert samples(tables) == [0, 1]
    tables.clock.now += period_tables.KEEP
    assert samples(tables) == samples(tables) == [2, 3]


def test_dimensions_are_kept_apart_and_the_oldest_make_room(tables, monkeypatch):
    monkeypatch.setattr(period_tables, "MAX_KEPT", 2)
    assert samples(tables) == [0, 1]
    assert samples(tables, {"team": "a"}) == samples(tables, {"team": "a"}) == [2, 3]
    assert samples(tables) == [4, 5]


def test_what_only_says_how_late_incidents_without_samples_are_is_left_out():
    late = Row(Indicator.RESOLVE, None, Summary(0, {}), None, None)
    tables = PeriodTables(World(select=lambda selection, now: {"": [late, row(1)]}).services)
    assert [of_period.rows for of_period in tables.of(PERIODS, {}, NOW)] == [[row(1)], [row(1)]]


def test_while_they_are_computed_others_wait_for_a_while_only(monkeypatch):
    monkeypatch.setattr(period_tables, "TURN_SECONDS", 0.01)
    entered, leave = threading.Event(), threading.Event()

    def select(selection, now):
        entered.set()
        leave.wait(10)
        return {"": [row(0)]}

    slow = PeriodTables(World(select=select).services)
    thread = threading.Thread(target=samples, args=(slow,))
    thread.start()
    assert entered.wait(10)
    with pytest.raises(StoreUnavailable):
        samples(slow)
    leave.set()
    thread.join()
    assert samples(slow) == [0, 0]
