"""A PostgreSQL that hangs while its kernel keeps our connections open: nobody waits for it for ever."""

import os
import signal
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from service.store import StoreUnavailable
from service.store.engine import connect, translated, with_timeouts
from service.store.readers import READERS
from tests.builders import alert
from tests.house import House

pytestmark = pytest.mark.usefixtures("short")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("service.store.engine.STATEMENT_SECONDS", 0.5)
    monkeypatch.setattr("service.store.timeouts.BoundedConnection.timeout_seconds", 0.5)
    monkeypatch.setattr("service.store.timeouts.CHECK_SECONDS", 0.5)


@pytest.fixture
def url(postgresql):
    made = postgresql.new_database()
    yield made
    postgresql.drop(made)


@pytest.fixture
def engine(url):
    """An engine of the service."""
    made = connect(url)
    yield with_timeouts(made)
    made.dispose()


def process_of(connection):
    """Return the id of the process that serves a connection; the driver knows only what a pooler invents."""
    return connection.scalar(text("SELECT pg_backend_pid()"))


@contextmanager
def stopped(connection):
    """Stop the process that serves a connection."""
    pid = process_of(connection)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def seconds_of(act):
    """Return how long it took to be told that the store is not available."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="no answer within"), translated():
        act()
    return time.monotonic() - began


def test_it_gives_a_statement_up_and_the_connection_with_it(engine):
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with stopped(connection):
            assert 0.4 < seconds_of(lambda: connection.execute(text("SELECT 1"))) < 5
        assert connection.invalidated
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_it_gives_up_a_statement_that_takes_long(engine):
    with engine.connect() as connection:
        seconds_of(lambda: connection.execute(text("SELECT pg_sleep(3)")))


def test_it_has_no_bound_for_migrations_and_commands(url):
    engine = connect(url)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(1)"))
    engine.dispose()


def test_what_the_server_says_itself_is_passed_on(engine):
    with engine.connect() as connection, pytest.raises(StoreUnavailable, match="statement timeout"), translated():
        connection.execute(text("SET LOCAL statement_timeout = 100; SELECT pg_sleep(3)"))


def test_it_does_not_use_a_connection_that_does_not_answer(engine):
    """It is asked before it is used, and another one opened."""
    with engine.connect() as connection:
        pid = process_of(connection)
    os.kill(pid, signal.SIGSTOP)
    try:
        with engine.connect() as connection:
            assert process_of(connection) != pid
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_webhook_whose_transaction_is_given_up_is_sent_again_and_stored_once(url):
    """What became of the first is unknown, which is why the sender is told to come again."""
    house = House(url)
    other = connect(url)
    try:
        with other.connect() as holder:
            holder.execute(text("LOCK TABLE incidents IN ACCESS EXCLUSIVE MODE"))
            seconds_of(lambda: house.send(alert(0)))
        assert house.send(alert(0)) == [1]
        assert house.rows("select count(*) from incidents") == [(1,)]
    finally:
        other.dispose()
        house.close()


def test_readers_that_hang_leave_the_others_their_connections(url):
    """The pool has more than readers may use, so that the writer never waits for one behind them."""
    engine = connect(url)
    assert engine.pool.size() + engine.pool._max_overflow >= 3 * READERS
    engine.dispose()
