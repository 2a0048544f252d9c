"""Opening the database: one engine, its pragmas, the lock that keeps a second process off a SQLite file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from service.store.statements import driver_errors

BUSY_TIMEOUT_MS = 5000


class StoreUnavailable(Exception):
    """The database did not answer or did not take it; nothing was stored, try again later."""


class StoreRejected(StoreUnavailable):
    """The database took offence at what was written, not at us; others in the same transaction may be all right."""


class StoreRefused(Exception):
    """The database cannot be opened as configured; the text says what to change."""


def parse(database_url: str) -> URL:
    """Return the parsed URL; raises `StoreRefused` for one that names no engine we run on."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        msg = f"database_url {database_url!r} is not a URL such as sqlite:///mttx.db"
        raise StoreRefused(msg) from error
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        msg = "database_url must name a SQLite file, such as sqlite:///mttx.db or sqlite:////var/lib/mttx/mttx.db"
        raise StoreRefused(msg)
    return url


def connect(database_url: str) -> Engine:
    """Return an engine whose connections are set up; nothing is opened yet."""
    url = parse(database_url)
    try:
        engine = create_engine(url, pool_size=8, max_overflow=56, pool_timeout=BUSY_TIMEOUT_MS / 1000)
    except NoSuchModuleError as error:  # pragma: no cover - parse() admits known engines only
        raise StoreRefused(str(error)) from error
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN instead of the driver's implicit one
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a 2xx answer means that the disk has it
    cursor.execute("PRAGMA wal_autocheckpoint=4000")
    cursor.close()


def _begin(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes", False)
    with driver_errors(connection.dialect):
        connection.connection.cursor().execute("BEGIN IMMEDIATE" if writes else "BEGIN")


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


class FileLock:
    """Holds `<database>.lock` for this process; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once; raises `StoreRefused` where another process has it or the folder is missing."""
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"cannot open {self._path}: {error.strerror}; the folder of database_url must exist and be writable"
            raise StoreRefused(msg) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            msg = (
                f"another mttx-exporter uses this database ({self._path} is locked); stop it, or give this one its own"
            )
            raise StoreRefused(msg) from error

    def release(self) -> None:
        """Let go of the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
