"""The time that replicas have in common, whatever the clock of one of them says."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from service.recorder.commands import RecordAlerts
from service.recorder.writer import Recorder
from service.store import Store, StoreUnavailable
from service.store.shared_time import AGAIN_SECONDS, SharedTime
from tests.builders import alert, at, delivery, policy

WRONG = at(360)


class Database:
    """Says what time it is, `takes` so many seconds for it, or is away; `moment` is the clock that nobody sets."""

    def __init__(self):
        self.moment, self.ahead, self.takes, self.asked, self.away = 100.0, 0.0, 0.0, 0, False

    def time(self):
        return at(0) + timedelta(seconds=self.moment - 100 + self.ahead)

    @contextmanager
    def read(self):
        self.asked += 1
        if self.away:
            raise StoreUnavailable
        self.moment += self.takes / 2
        moment = self.time()
        yield SimpleNamespace(execute=lambda _: SimpleNamespace(scalar_one=lambda: moment))
        self.moment += self.takes / 2


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def shared(database):
    return SharedTime(database.read, shared=True, moment=lambda: database.moment)


def test_it_is_the_database_s_whatever_ours_says(shared):
    assert shared.now(WRONG) == at(0)


def test_it_is_asked_for_now_and_then_and_counted_on_between(database, shared):
    shared.now(WRONG)
    database.moment += AGAIN_SECONDS - 1
    assert shared.now(WRONG) == database.time()
    assert database.asked == 1
    database.moment += 1
    shared.now(WRONG)
    assert database.asked == 2


def test_it_is_counted_on_while_the_database_is_away(database, shared):
    shared.now(WRONG)
    database.away = True
    database.moment += 600
    assert shared.now(WRONG) == database.time()
    assert shared.of(WRONG) == database.time()


def test_it_is_our_own_until_somebody_asked(database, shared):
    assert shared.of(WRONG) == WRONG
    database.away = True
    assert shared.now(WRONG) == WRONG


def test_it_follows_a_clock_over_there_that_is_set(database, shared):
    shared.now(WRONG)
    database.ahead = -3600
    database.moment += AGAIN_SECONDS
    assert shared.now(WRONG) == database.time()


def test_a_slow_answer_does_not_set_it(database, shared):
    """Else it would go back by that, which ends all waiting."""
    shared.now(WRONG)
    database.takes = 4.0
    database.moment += AGAIN_SECONDS
    assert shared.now(WRONG) == database.time()


def test_on_a_file_it_is_always_our_own(database):
    assert SharedTime(database.read, shared=False).now(WRONG) == WRONG
    assert database.asked == 0


def test_what_a_replica_marks_is_due_by_the_time_of_all(new_database):
    """Its own clock is years behind the server's here; ahead, it would have the others wait."""
    store = Store.open(new_database("postgresql"), policy(), ("grafana",))
    recorder = Recorder(store, policy())
    store.time.now(at(0))
    recorder.submit(RecordAlerts((alert(0),), delivery(0)))
    recorder.close()
    now = datetime.now(UTC)
    assert abs(store.outbox.backlog("grafana", now).oldest - now) < timedelta(minutes=1)
    store.close()
