"""How old the numbers of a scrape may be, and what is counted where."""

from datetime import timedelta

import pytest

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.policy import Indicator, Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.metrics import measurements
from service.metrics.measurements import Measuring
from service.store import StoreUnavailable
from service.store.recent import MeasuredIncident, PostmortemCounts, postmortem_counts, visit_unfinished
from tests.builders import alert, at, event, policy
from tests.house import wait_until
from tests.metrics.world import WINDOWS

K, M = EventKind, Milestone


class Store:
    """Counts how often it is read; every read takes `cost` on the test's clock."""

    def __init__(self, clock, recent=()):
        self.clock, self.recent = clock, recent
        self.cost, self.reads, self.away = 0.0, 0, False

    def read(self, query, *arguments):
        if query is postmortem_counts:
            return PostmortemCounts({}, {})
        selection, visit = arguments
        if self.away:
            raise StoreUnavailable
        if query is visit_unfinished or selection.until is not None:  # the window before
            return None
        self.reads += 1
        self.since = selection.since
        self.clock.moment += self.cost
        for incident in self.recent:
            visit(incident)
        return None


class Clock:
    """Both of the clocks that measure costs, in the hands of the test."""

    def __init__(self):
        self.moment, self.commits = 1000.0, 0

    def monotonic(self):
        return self.moment

    perf_counter = monotonic


@pytest.fixture
def fresh():
    """The tests set what statistics cost."""


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(measurements, "time", made)
    return made


def measuring(store, clock):
    return Measuring(store, policy(breakdown=()), WINDOWS, 10, lambda: clock.commits)


def read_again(store, clock, kept, seconds):
    """Say whether the store is read when `seconds` have passed since it was last."""
    before = store.reads
    clock.moment += seconds
    kept.statistics(at(0))
    return store.reads > before


def test_it_reads_a_small_store_for_every_scrape(clock):
    store = Store(clock)
    kept = measuring(store, clock)
    kept.statistics(at(0))
    assert read_again(store, clock, kept, 0)


def test_it_keeps_the_statistics_of_a_huge_store_for_a_minute_while_nothing_is_written(clock):
    store = Store(clock)
    store.cost = 2.0
    kept = measuring(store, clock)
    kept.statistics(at(0))
    assert not read_again(store, clock, kept, measurements.KEEP_UNCHANGED_SECONDS - 3)
    assert read_again(store, clock, kept, 4)


def test_it_keeps_them_for_a_multiple_of_their_cost_while_something_is_written(clock):
    store = Store(clock)
    store.cost = 0.5
    kept = measuring(store, clock)
    kept.statistics(at(0))
    clock.commits += 1
    assert not read_again(store, clock, kept, 0.5 * measurements.KEEP_CHANGED - 1)
    assert read_again(store, clock, kept, 1.1)


def test_it_keeps_nothing_of_a_store_that_was_away(clock):
    store = Store(clock)
    kept = measuring(store, clock)
    store.away = True
    with pytest.raises(StoreUnavailable):
        kept.statistics(at(0))
    store.away = False
    assert kept.statistics(at(0)).groups[None].tables.keys() == WINDOWS.keys()


def test_it_does_not_wait_for_ever_for_what_is_computed_for_somebody_else(clock, monkeypatch):
    """Where the store hangs, so does whoever computes; those who wait behind hold threads meanwhile."""
    monkeypatch.setattr(measurements, "TURN_SECONDS", 0.1)
    kept = measuring(Store(clock), clock)
    with kept._lock, pytest.raises(StoreUnavailable, match="computed for other requests"):
        kept.statistics(at(0))
    assert kept.statistics(at(0)).groups[None].tables.keys() == WINDOWS.keys()


def test_it_shows_what_it_kept_while_somebody_else_computes_for_long(clock, monkeypatch):
    monkeypatch.setattr(measurements, "TURN_SECONDS", 0.1)
    store = Store(clock)
    store.cost = 10.0
    kept = measuring(store, clock)
    shown = kept.statistics(at(0))
    clock.moment += 10 * measurements.KEEP_CHANGED + 9
    with kept._lock:
        assert kept.statistics(at(0)) is shown
        clock.moment += 10 * measurements.KEEP_CHANGED
        with pytest.raises(StoreUnavailable):
            kept.statistics(at(0))


def test_it_looks_back_over_the_longest_window(clock):
    store = Store(clock)
    measuring(store, clock).statistics(at(0))
    assert store.since == at(0) - timedelta(days=90)


def test_it_knows_the_windows_by_name_and_no_others(clock):
    kept = measuring(Store(clock), clock)
    assert kept.table("7d", at(0)) == []
    assert kept.table("8d", at(0)) is None


def recent(phase=Phase.RESOLVED, source=ResolutionSource.HUMAN, **minutes):
    milestones = {M(name): at(minute) for name, minute in minutes.items()}
    return MeasuredIncident(Severity.SEV_2, phase, source, milestones)


def statistics(clock, *incidents):
    return measuring(Store(clock, incidents), clock).statistics(at(60 * 24))


def test_it_counts_what_resolved_incidents_lack(clock):
    table = statistics(
        clock, recent(detected=0, resolved=5), recent(detected=0, resolved=5, mitigated=3, acknowledged=3)
    )
    assert table.missing == {M.STARTED: 2, M.ACKNOWLEDGED: 1, M.MITIGATED: 1}


def test_it_expects_nothing_yet_of_an_incident_that_is_open(clock):
    assert statistics(clock, recent(Phase.DETECTED, None, detected=0)).missing == {}


def test_it_counts_intervals_that_are_negative(clock):
    assert statistics(clock, recent(detected=5, mitigated=2, resolved=9)).invalid == {Indicator.MITIGATE: 1}


def test_it_leaves_out_what_was_detected_at_the_very_beginning_of_a_window(clock):
    week = 7 * 24 * 60
    recent_ones = [recent(detected=1440 - week + minutes, resolved=1440) for minutes in (0, 1)]
    rows = statistics(clock, *recent_ones).groups[None].tables
    assert {w: max(row.summary.incidents for row in table) for w, table in rows.items()} == {
        "7d": 1,
        "30d": 2,
        "90d": 2,
    }


def test_it_puts_an_incident_of_unknown_detection_into_no_window(clock):
    table = statistics(clock, recent(started=0, resolved=9, drafted=60))
    assert list(table.groups[None].tables.values()) == [[], [], []]
    assert table.missing[M.DETECTED] == 1


def test_it_shows_what_is_owed_as_of_now_whatever_is_kept(world, monkeypatch):
    monkeypatch.setattr(measurements, "CHEAP_SECONDS", 0.0)
    monkeypatch.setattr(measurements, "KEEP_CHANGED", 10**9)  # times a few milliseconds: longer than the test plays
    world.open(event(K.DETECTED, severity=Severity.SEV_1), event(K.RESOLVED, 5))
    kept = {"indicator": "resolve", "window": "7d"}
    assert world.value("mttx_indicator_incidents", **kept) == 1
    world.send(alert(10))
    world.open(event(K.DETECTED), event(K.RESOLVED, 5))
    world.minutes = 13 * 60
    assert world.value("mttx_indicator_incidents", **kept) == 1
    assert world.value("mttx_postmortems_overdue", incident_severity="SEV-1", stage="draft") == 1
    assert world.value("mttx_incidents_open", incident_severity="SEV-2", phase="detected") == 1
    assert world.value("mttx_incidents_opened_total", incident_severity="SEV-3") == 1


# --- the comparison with the window before ----------------------------------------------------------------------------


class Before(Store):
    """A store with incidents in the window before the longest one."""

    def read(self, query, *arguments):
        if query is not postmortem_counts and query is not visit_unfinished and arguments[0].until is not None:
            self.compared += 1
            if self.breaks:
                raise StoreUnavailable
            for incident in self.before:
                arguments[1](incident)
        return super().read(query, *arguments)

    compared, breaks = 0, False
    before = (recent(detected=-100 * 1440, resolved=-100 * 1440 + 5), recent(started=-100 * 1440))


@pytest.fixture
def large(clock, monkeypatch):
    """A store with more incidents than are compared with every scrape."""
    monkeypatch.setattr(measurements, "MANY", 1)
    return Before(clock, [recent(detected=-1000, resolved=-991), recent(detected=-1000, resolved=-992)])


def compared(kept, clock, minute):
    """By how many seconds the times to resolve of a scrape differ, None if they are compared with nothing."""
    clock.commits += 1
    clock.moment += 3600
    rows = kept.statistics(at(minute)).groups[None].tables["90d"]
    row = next(row for row in rows if row.indicator is Indicator.RESOLVE)
    return row.comparison.shift if row.comparison else None


def test_it_compares_a_large_store_beside_the_scrapes_twice_an_hour(clock, large):
    kept = measuring(large, clock)
    assert compared(kept, clock, 60) is None
    wait_until(lambda: compared(kept, clock, 61) == 210.0)
    assert compared(kept, clock, 89) == 210.0
    assert large.compared == 1
    assert compared(kept, clock, 91) == 210.0
    wait_until(lambda: large.compared == 2)


def test_it_goes_on_without_comparisons_while_the_store_is_away(clock, large):
    kept = measuring(large, clock)
    large.breaks = True
    assert compared(kept, clock, 60) is None
    wait_until(lambda: large.compared == 1)
    large.breaks = False
    wait_until(lambda: compared(kept, clock, 61) == 210.0)


def test_it_compares_anew_in_a_small_store(clock):
    store = Before(clock)
    kept = measuring(store, clock)
    kept.statistics(at(0))
    kept.statistics(at(1))
    assert store.compared == 2
