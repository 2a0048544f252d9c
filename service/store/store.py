"""The store: one database, written by one transaction at a time, with concurrent readers."""

import threading
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, select

from service.domain.policy import Policy
from service.store.bodies import forget_bodies
from service.store.breakdown import index_dimensions
from service.store.changes import Changes
from service.store.engine import (
    StoreRefused,
    StoreUnavailable,
    connect,
    is_file,
    parse,
    shown,
    translated,
    with_timeouts,
    writing,
)
from service.store.loaded import BatchKeys, LoadedRows
from service.store.loading import load
from service.store.locks import FileLock, Lock, NoLock, refuse_remains
from service.store.migrate import is_current, migrate
from service.store.outbox import Outbox, enqueue
from service.store.probe import refuse_unless_fit
from service.store.readers import Readers
from service.store.saving import save
from service.store.shared_time import SharedTime
from service.store.statements import pipelined
from service.store.version import version_of

P = ParamSpec("P")
T = TypeVar("T")
DRAWN = ("grafana",)
"""The targets that show an incident as it is now, instead of announcing updates."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write transaction: `load` waits for its turn, and `save` is the last step. An error rolls back."""

    _connection: Connection
    _targets: Collection[str]
    _time: SharedTime

    def load(self, keys: BatchKeys, window: timedelta, *, whole: bool = False) -> LoadedRows:
        """Return everything that `keys` can touch; see `loading.load`."""
        return load(self._connection, keys, window, whole=whole)

    def save(self, changes: Changes, at: datetime | None) -> None:
        """Write changes received `at`, if at a time at all, and enqueue the incidents for the configured targets."""
        with pipelined(self._connection, commit=changes.delete_bodies_before is None):
            save(self._connection, changes)
            if self._targets and at is not None:
                at = self._time.of(at)
                enqueue(self._connection, self._targets, changes.announced, at)
                drawn = [target for target in self._targets if target in DRAWN]
                enqueue(self._connection, drawn, changes.redrawn, at)
        if changes.delete_bodies_before is not None:
            forget_bodies(self._connection, changes.delete_bodies_before)


class Store:
    """All stored data. All methods raise `StoreUnavailable` if the database does not answer.

    What can be read are the queries of the modules beside this one: `store.read(history_of, 7, policy)`.

    Safe to use from many threads; `transaction` is for one writer at a time. Each change of an incident enqueues it
    for each of `targets` in the outbox.
    """

    def __init__(self, engine: Engine, policy: Policy, lock: Lock, targets: Collection[str] = ()) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self._recording = self._writing.execution_options(turn_later=True)
        self._policy = policy
        self._lock = lock
        self._targets = targets
        self._turn = threading.Lock()  # SQLite makes writers wait by sleeping; within one process they queue
        self._readers = Readers()
        self.time = SharedTime(self._read, shared=engine.dialect.name == "postgresql")
        self.outbox = Outbox(self._read, self._write, policy)

    @classmethod
    def open(cls, database_url: str, policy: Policy, targets: Collection[str] = ()) -> "Store":
        """Lock the database, migrate it to this version's schema, and return the store.

        Raises `StoreRefused`, with what to change, for a database that another process uses or a newer version wrote,
        or a file that is not a database; it is not overwritten.
        """
        url = parse(database_url)
        engine = connect(database_url)
        lock: Lock = NoLock()
        if is_file(url):
            lock = FileLock(Path(url.database or ""))
            lock.acquire()
        try:
            if is_file(url):
                refuse_remains(Path(url.database or ""))
            with translated():
                if not is_file(url):
                    refuse_unless_fit(with_timeouts(engine))
                migrate(engine)
                index_dimensions(engine, [dimension.label for dimension in policy.breakdown])
        except Exception as error:
            engine.dispose()
            lock.release()
            if isinstance(error, StoreRefused):
                raise
            msg = f"cannot open {shown(url)}: {error}"
            raise StoreRefused(msg) from error
        return cls(with_timeouts(engine), policy, lock, targets)

    @classmethod
    def beside(cls, database_url: str, policy: Policy) -> "Store":
        """Return the store of a database that another process may have open: for reading, and for the outbox.

        Raises `StoreRefused` for a database without this version's schema.
        """
        url = parse(database_url)
        if is_file(url) and not Path(url.database or "").is_file():
            raise StoreRefused(f"there is no database at {url.database}; `mttx serve` creates it")
        if is_file(url):
            refuse_remains(Path(url.database or ""))
        engine = connect(database_url)
        try:
            with translated():
                current = is_current(engine)
        except StoreUnavailable as error:
            engine.dispose()
            raise StoreRefused(f"cannot open {shown(url)}: {error}") from error
        if not current:
            engine.dispose()
            raise StoreRefused(f"{shown(url)} was written by another version; start this version's `mttx serve` once")
        return cls(engine, policy, NoLock())

    def close(self) -> None:
        """Close the connections and release the lock."""
        self._engine.dispose()
        self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a write transaction: commits on leaving at the latest, rolls back on an error."""
        with translated(), self._turn, self._recording.begin() as connection:
            yield Transaction(connection, self._targets, self.time)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated(), self._readers.slot(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(), self._turn, self._writing.begin() as connection:
            yield connection

    def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of this package, such as `incident_page`, in a transaction of its own, and return its result."""
        with self._read() as connection:
            return query(connection, *args, **kwargs)

    def write(self, statement: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a statement of this package, such as `record_heartbeat`, in a write transaction of its own."""
        with self._write() as connection:
            return statement(connection, *args, **kwargs)

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers."""
        with self._read() as connection:
            connection.execute(select(1))

    def version(self) -> Hashable:
        """Return a value that equals an earlier one only if nothing was written in between."""
        with translated(), self._readers.slot(), self._engine.connect() as connection:  # no table: no transaction
            return version_of(connection)
