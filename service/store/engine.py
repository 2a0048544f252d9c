"""Opening the database: one engine, with what each kind of database needs for durability and consistent reads."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

from service.store.statements import execute

BUSY_TIMEOUT_MS = 5000
TURN_TIMEOUT_MS = 20_000
"""How long a replica waits for its turn to write; less than a request waits for its commit."""
TURN = 0x6D747478
"""The advisory lock under which replicas write in turn: its holder assigns ids and folds incidents.
One transaction carries many webhooks, so the queue is short."""
_LIMITS = {"lock_timeout": TURN_TIMEOUT_MS, "idle_in_transaction_session_timeout": 60_000}
"""PostgreSQL's settings for our transactions, in milliseconds."""
CONNECT_SECONDS = 4
STATEMENT_SECONDS = 25.0
"""How long the service waits for the response to one statement; longer than a replica waits for its turn. Migrations
and commands run by people take the time they need."""
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""Seconds, and tries. Without them the loss of the server's machine is noticed only after two hours."""
_RIGHT = (
    "a SQLite file, such as sqlite:///mttx.db or sqlite:////var/lib/mttx/mttx.db, or a database of PostgreSQL, "
    "such as postgresql+psycopg://mttx@db.example.com/mttx"
)


class StoreUnavailable(Exception):
    """The database did not answer or rejected the write; nothing was stored, retry later."""


class StoreRejected(StoreUnavailable):
    """The database rejected the data, not the connection; others in the same transaction may be valid."""


class StoreRefused(Exception):
    """The database cannot be opened as configured; the message says what to change."""


def parse(database_url: str) -> URL:
    """Return the parsed URL; raises `StoreRefused` for an unsupported engine."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise StoreRefused(f"database_url is not a URL; {_RIGHT}") from error
    if url.drivername in ("postgresql", "postgresql+psycopg") and url.database:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise StoreRefused(f"database_url must name {_RIGHT}")


def shown(url: URL) -> str:
    """Return how to show a database: the file, or the address without the password."""
    if is_file(url):
        return url.database or ""
    return re.sub(r"(//[^/:]*):.*@", r"\1:***@", url.render_as_string(hide_password=True))  # passwords may contain @


def is_file(url: URL) -> bool:
    """Return whether the database is a local file, for one process alone."""
    return url.get_backend_name() == "sqlite"


def connect(database_url: str) -> Engine:
    """Return an engine whose connections are set up; no connection is opened yet."""
    url = parse(database_url)
    return _connect_sqlite(url) if is_file(url) else _connect_postgresql(url)


def _connect_sqlite(url: URL) -> Engine:
    # Last in, first out: a connection that was idle for a while does not know what it has missed.
    engine = create_engine(url, pool_size=8, max_overflow=56, pool_timeout=BUSY_TIMEOUT_MS / 1000, pool_use_lifo=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_postgresql(url: URL) -> Engine:
    """Make reads consistent and writers queue, and detect a lost server."""
    try:
        engine = create_engine(
            url,
            pool_size=8,
            max_overflow=24,
            pool_timeout=BUSY_TIMEOUT_MS / 1000,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "tcp_user_timeout": 10_000,
                **_KEEPALIVES,
                "application_name": "mttx-exporter",
            },
        )
    except ModuleNotFoundError as error:  # pragma: no cover - the tests have it
        raise StoreRefused("PostgreSQL needs a driver: pip install 'mttx-exporter[postgresql]'") from error
    from service.store.timeouts import CHECK_SECONDS, BoundedConnection  # noqa: PLC0415 - needs the driver

    def connect_bounded(_dialect: object, _record: object, arguments: Any, keys: Any) -> BoundedConnection:
        return BoundedConnection.connect(*arguments, **keys)

    def check_soon(connection: BoundedConnection | None, _record: object) -> None:
        if connection is not None:
            connection.timeout_seconds = CHECK_SECONDS

    event.listen(engine, "do_connect", connect_bounded)
    event.listen(engine, "connect", _set_up_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "checkin", check_soon)
    return engine


def with_timeouts(engine: Engine) -> Engine:
    """Return the same engine for a service, with bounded waits for a server that hangs."""
    return engine.execution_options(timeout_seconds=STATEMENT_SECONDS)


def writing(engine: Engine) -> Engine:
    """Return the same engine for write transactions."""
    if engine.dialect.name == "postgresql":
        # A snapshot taken before the lock is acquired would miss what its previous holder committed.
        return engine.execution_options(writes=True, isolation_level="READ COMMITTED")
    return engine.execution_options(writes=True)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN instead of the driver's implicit one
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a 2xx answer means that the disk has it
    cursor.execute("PRAGMA wal_autocheckpoint=4000")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes", False)
    execute(connection, "BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgresql(connection: Any, _record: object) -> None:
    """Set up the session, unless a pooler shares it among clients: then each transaction sets itself up."""
    cursor = connection.cursor()
    [backend_pid] = cursor.execute("SELECT pg_backend_pid()").fetchone()
    connection.is_pooled = backend_pid != connection.info.backend_pid  # a pooler invents the latter
    if connection.is_pooled:
        connection.prepare_threshold = None  # the next transaction may be in a session without the statement
    else:
        cursor.execute(_settings(is_local=False))
    cursor.close()
    connection.commit()


def _settings(*, is_local: bool) -> str:
    """Return a query that sets the limits, for the transaction or for the session, and makes commits durable.

    A 2xx answer means that the disk has it: `synchronous_commit` is turned on if it is off; stricter values stay.
    """
    limits = ", ".join(f"set_config('{name}', '{value}', {is_local})" for name, value in _LIMITS.items())
    durable = f"set_config('synchronous_commit', 'on', {is_local})"
    return f"SELECT {limits}, CASE current_setting('synchronous_commit') WHEN 'off' THEN {durable} END"


_POOLED_SETTINGS = _settings(is_local=True)


def _begin_postgresql(connection: Any) -> None:
    options = connection.get_execution_options()
    driver_connection = connection.connection.driver_connection
    driver_connection.timeout_seconds = options.get("timeout_seconds")
    if options.get("writes", False) and not options.get("turn_later", False):
        take_turn(connection)


def take_turn(connection: Any) -> None:
    """Have what follows in a transaction wait for its turn to write, where several processes may: on PostgreSQL."""
    if connection.dialect.name == "postgresql":
        as_writer(connection)
        execute(connection, f"SELECT pg_advisory_xact_lock({TURN})")


def as_writer(connection: Any) -> None:
    """Give a transaction the limits and the durability of those that write, where its session does not have them."""
    if connection.connection.driver_connection.is_pooled:
        execute(connection, _POOLED_SETTINGS)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the database's errors into `StoreUnavailable`, without the statement or its values."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise StoreRejected(f"the store did not take it: {error.orig}") from error
    except DBAPIError as error:
        raise StoreUnavailable(f"the store did not answer: {error.orig}") from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the store did not answer: {type(error).__name__}") from error
