"""Group commit: who shares a transaction, who fails alone, and what a sender is told."""

import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from service.domain.events import EventKind
from service.recorder import writer
from service.recorder.commands import (
    AppendEvent,
    Busy,
    Conflict,
    OpenIncident,
    PruneBodies,
    UnknownIncident,
)
from service.store import StoreRejected, StoreUnavailable, engine
from service.store.histories import history_of
from tests.builders import alert, at, event, policy
from tests.house import House, wait_until

K = EventKind
PROBLEM = "a value that is nobody's business"


def opening(text="x", **fields):
    return OpenIncident((event(K.NOTE, event_id=text, data={"text": text}, **fields),))


def texts(house):
    return sorted(row[0] for row in house.rows("select event_id from events"))


REJECTED = OpenIncident((event(K.NOTE, event_id="twice", data={"text": "x"}),) * 2)
"""The database holds an event id once in an incident; nothing before it looks."""


@pytest.fixture
def poisoned(monkeypatch):
    """Let the command with the title `poison` break the rules, as only a bug can."""
    apply = writer.apply

    def broken(batch, command):
        outcome = apply(batch, command)
        if isinstance(command, OpenIncident) and command.events[0].title == "poison":
            raise ValueError(PROBLEM)
        return outcome

    monkeypatch.setattr(writer, "apply", broken)
    return opening("bad", title="poison")


# -- sharing a commit --------------------------------------------------------------------------------------------------


def test_it_answers_after_the_commit(house):
    house.open()
    assert house.store.read(history_of, 1, policy()) is not None
    assert house.recorder.stats.commits == 1
    assert house.recorder.stats.commit_seconds > 0


def test_it_commits_what_queued_up_in_one_transaction(house):
    results = house.together(*(opening(str(n)) for n in range(20)))
    assert [outcome.incident_id for (outcome,) in results] == list(range(1, 21))
    assert house.recorder.stats.commits == 2  # the one that was held, and the batch


def test_it_commits_no_more_than_a_batch_at_once(house):
    house.together(*(opening(str(n)) for n in range(writer.BATCH + 1)))
    assert house.recorder.stats.commits == 3


def test_it_applies_a_batch_in_the_order_of_arrival(house):
    alerts = [house.notice(alert(0, fingerprint=str(n), group=str(n))) for n in range(5)]
    assert [outcome.incident_id for (outcome,) in house.together(*alerts)] == [1, 2, 3, 4, 5]


def test_it_lets_commands_of_a_batch_build_on_each_other(house):
    first, second, third = house.together(
        opening("a"), AppendEvent(1, event(K.RESOLVED, 5)), AppendEvent(1, event(K.RESOLVED, 5))
    )
    assert (first[0].incident_id, second[0].created, third[0].created) == (1, True, False)


# -- failing alone -----------------------------------------------------------------------------------------------------


def test_it_refuses_one_command_and_records_its_neighbours(house):
    first, refused, third = house.together(opening("a"), AppendEvent(99, event(K.RESOLVED)), opening("b"))
    assert isinstance(refused, UnknownIncident)
    assert [first[0].incident_id, third[0].incident_id] == [1, 2]
    assert texts(house) == ["a", "b"]
    assert house.recorder.stats.errors == 0


def test_it_leaves_nothing_of_a_refused_command(house):
    house.open()
    house.open()
    before = [house.rows(f"select * from {table}") for table in ("incidents", "events", "totals", "deliveries")]
    with pytest.raises(Conflict):
        house.hook(
            ("new", event(K.DETECTED)),
            ("new", event(K.ACTION_OPENED, data={"action_id": "a"})),
            ("new", event(K.RESOLVED, 5, event_id="detected-0")),
        )
    assert [house.rows(f"select * from {table}") for table in ("incidents", "events", "totals", "deliveries")] == before


def test_it_starts_a_batch_again_without_the_command_that_it_refuses(house):
    """It had changed the batch already, and the neighbours must not carry that along."""
    house.open()
    note = AppendEvent(1, event(K.NOTE, event_id="before", data={"text": "x"}))
    merge = AppendEvent(1, event(K.MERGED, event_id="merge", data={"into": "INC-9"}))
    _, refused, _ = house.together(note, merge, AppendEvent(1, event(K.RESOLVED, 5)))
    assert isinstance(refused, UnknownIncident)
    assert texts(house) == ["before", "detected-0", "resolved-5"]


def test_it_refuses_many_of_a_batch_and_records_the_rest(house):
    commands = [AppendEvent(99, event(K.NOTE)) if n % 3 else opening(str(n)) for n in range(12)]
    results = house.together(*commands)
    assert [isinstance(result, UnknownIncident) for result in results] == [n % 3 > 0 for n in range(12)]
    assert texts(house) == sorted(["0", "3", "6", "9"])


def test_it_fails_a_poisoned_command_alone(house, poisoned):
    first, broken, third = house.together(opening("a"), poisoned, opening("b"))
    assert isinstance(broken, ValueError)
    assert [first[0].incident_id, third[0].incident_id] == [1, 2]
    assert texts(house) == ["a", "b"]
    assert house.recorder.stats.errors == 1


def test_it_fails_a_command_alone_that_the_database_rejects(house):
    first, rejected, third = house.together(opening("a"), REJECTED, opening("b"))
    assert isinstance(rejected, StoreRejected)
    assert texts(house) == ["a", "b"]
    assert (first[0].created, third[0].created) == (True, True)


def test_it_sorts_out_refused_poisoned_and_rejected_neighbours(house, poisoned):
    results = house.together(poisoned, opening("a"), AppendEvent(99, event(K.NOTE)), REJECTED, opening("b"))
    assert [type(r).__name__ for r in results] == ["ValueError", "tuple", "UnknownIncident", "StoreRejected", "tuple"]
    assert texts(house) == ["a", "b"]


def test_it_goes_on_after_a_poisoned_command(house, poisoned):
    with pytest.raises(ValueError, match=PROBLEM):
        house.submit(poisoned)
    assert house.recorder.alive
    assert house.open() == 1


def test_it_logs_a_failed_commit(house, poisoned, caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(StoreRejected):
        house.submit(REJECTED)
    assert "commit failed: the store did not take it: UNIQUE constraint failed" in caplog.text
    assert "twice" not in caplog.text


def test_it_is_unavailable_while_the_database_is_locked_and_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    house = House(tmp_path / "mttx.db")
    other = sqlite3.connect(tmp_path / "mttx.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = house.together(opening("a"), opening("b"), opening("c"))
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert house.recorder.stats.commits == 0
    other.execute("ROLLBACK")
    other.close()
    assert texts(house) == []
    house.open()
    assert texts(house) == ["detected-0"]
    house.close()


def test_it_is_not_ready_while_commits_fail_and_ready_again_after_one_that_does_not(house, monkeypatch):
    house.recorder.check_ready()
    monkeypatch.setattr(writer, "FAILING_SECONDS", 60)
    transaction = house.store.transaction

    def full():
        raise StoreUnavailable("database or disk is full")

    monkeypatch.setattr(house.store, "transaction", full)
    with pytest.raises(StoreUnavailable):
        house.open()
    with pytest.raises(StoreUnavailable):
        house.recorder.check_ready()
    monkeypatch.setattr(house.store, "transaction", transaction)
    house.submit(PruneBodies(at(0)))  # writes nothing, which succeeds on a full disk as well
    with pytest.raises(StoreUnavailable):
        house.recorder.check_ready()
    house.open()
    house.recorder.check_ready()


def test_it_is_ready_some_time_after_a_commit_that_failed_so_that_somebody_tries(house, monkeypatch):
    monkeypatch.setattr(house.store, "transaction", lambda: (_ for _ in ()).throw(StoreUnavailable("full")))
    with pytest.raises(StoreUnavailable):
        house.open()
    monkeypatch.setattr(writer, "FAILING_SECONDS", 0)
    house.recorder.check_ready()


def test_it_outlives_whatever_breaks_in_it_and_lets_nobody_wait(house, monkeypatch):
    """Some libraries raise what is no Exception where they panic."""

    class Panic(BaseException):
        pass

    def panic(*_):
        raise Panic

    with monkeypatch.context() as broken:
        broken.setattr(writer, "apply", panic)
        for text in ("a", "b"):
            with pytest.raises(RuntimeError, match="the recorder failed"):
                house.submit(opening(text))
    assert house.recorder.alive
    house.open()
    assert texts(house) == ["detected-0"]


# -- refusing at once --------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    built = House(tmp_path / "mttx.db", queue_limit=2)
    yield built
    built.close()


def test_it_is_busy_at_once_when_the_queue_is_full(small):
    with small.held(), ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(small.submit, opening(text)) for text in ("a", "b")]
        wait_until(lambda: small.recorder.queue_length == 2)
        with pytest.raises(Busy, match="2 requests are waiting already"):
            small.recorder.check_ready()
        with pytest.raises(Busy, match="2 requests are waiting already"):
            small.submit(opening("c"))
        assert not any(future.done() for future in waiting)
        small.gate.set()
    assert texts(small) == ["a", "b"]
    small.recorder.check_ready()


@pytest.fixture
def narrow(tmp_path):
    built = House(tmp_path / "mttx.db", at_once=2)
    yield built
    built.close()


def test_it_turns_away_whom_a_stalled_commit_leaves_no_room_for(narrow, monkeypatch):
    """At once, since every thread that waits is missing where somebody reads."""
    monkeypatch.setattr(writer, "STALL_SECONDS", 0.01)
    monkeypatch.setattr(writer, "SLOT_TIMEOUT_SECONDS", 60)
    with narrow.held(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(narrow.submit, opening("a"))
        wait_until(lambda: narrow.recorder.queue_length == 1 and narrow.recorder.stalled)
        with pytest.raises(Busy, match="the store is slow"):
            narrow.submit(opening("b"))
        narrow.gate.set()
        waiting.result(20)
    assert not narrow.recorder.stalled
    narrow.submit(opening("c"))
    assert texts(narrow) == ["a", "c"]


def test_it_lets_in_whom_a_commit_makes_room_for(narrow, monkeypatch):
    monkeypatch.setattr(writer, "STALL_SECONDS", 60)
    monkeypatch.setattr(writer, "SLOT_TIMEOUT_SECONDS", 60)
    with narrow.held(), ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(narrow.submit, opening(text)) for text in ("a", "b", "c")]
        wait_until(lambda: narrow.recorder.queue_length == 1)
        narrow.gate.set()
        assert [future.result(20)[0].created for future in waiting] == [True] * 3
    assert texts(narrow) == ["a", "b", "c"]


def test_it_does_not_wait_without_end_to_be_let_in(narrow, monkeypatch):
    monkeypatch.setattr(writer, "STALL_SECONDS", 60)
    monkeypatch.setattr(writer, "SLOT_TIMEOUT_SECONDS", 0.02)
    with narrow.held(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(narrow.submit, opening("a"))
        wait_until(lambda: narrow.recorder.queue_length == 1)
        with pytest.raises(Busy, match="the store is slow"):
            narrow.submit(opening("b"))
        narrow.gate.set()
        waiting.result(20)


def test_it_gives_up_waiting_but_may_still_commit(house, monkeypatch):
    """What outlasts our patience is told to try again; a repeat finds what was stored."""
    monkeypatch.setattr(writer, "COMMIT_TIMEOUT_SECONDS", 0.05)
    with house.held(), pytest.raises(StoreUnavailable, match="did not commit within"):
        house.submit(opening("a"))
    monkeypatch.undo()
    house.submit(opening("b"))
    assert texts(house) == ["a", "b"]


def test_it_commits_what_waits_before_it_closes(house):
    with house.held(), ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(house.submit, opening(str(n))) for n in range(5)]
        wait_until(lambda: house.recorder.queue_length == 5)
        closing = pool.submit(house.recorder.close)
        wait_until(lambda: house.recorder._closing)
        with pytest.raises(Busy, match="shutting down"):
            house.recorder.check_ready()
        with pytest.raises(Busy, match="shutting down"):
            house.submit(opening("late"))
        house.gate.set()
        closing.result(20)
        assert [future.result(20)[0].created for future in waiting] == [True] * 5
    assert texts(house) == ["0", "1", "2", "3", "4"]
    assert not house.recorder.alive


def test_it_is_busy_after_closing_and_closes_twice(house):
    house.recorder.close()
    house.recorder.close()
    with pytest.raises(Busy, match="shutting down"):
        house.open()


# -- many at once ------------------------------------------------------------------------------------------------------


def at_once(workers, work):
    """Let several threads work at the same moment; answers what each returned."""
    start = threading.Barrier(workers)

    def run(number):
        start.wait(20)
        return work(number)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, range(workers)))


def test_it_takes_from_many_threads_and_shares_commits(house):
    numbers = count()
    at_once(16, lambda _: [house.submit(opening(str(next(numbers)))) for _ in range(20)])
    assert texts(house) == sorted(str(n) for n in range(320))
    assert house.recorder.stats.commits < 200
    assert house.counters()["opened", "SEV-3", "", 0] == 320


def test_it_opens_one_incident_for_the_same_notification_from_many(house):
    """Two Alertmanagers of an HA pair, or a sender that tries again before it was answered."""
    assert at_once(16, lambda _: house.send(alert(0), alert(0, fingerprint="b"))) == [[1]] * 16
    assert house.rows("select count(*) from observations") == [(2,)]
    assert house.rows("select times from deliveries") == [(16,)]


def test_it_opens_one_incident_for_the_same_key_from_many(house):
    outcomes = at_once(16, lambda _: house.hook(("jira-1", event(K.DETECTED)))[0])
    assert {o.incident_id for o in outcomes} == {1}
    assert sum(o.created for o in outcomes) == 1
