"""The store: one database, written by one transaction at a time, read by everybody."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, func, select

from service.domain.incident import Phase
from service.domain.policy import Policy, Severity
from service.store import tables as t
from service.store.engine import FileLock, StoreRefused, connect, parse, translated
from service.store.ledger import Ledger, Wanted
from service.store.loading import load
from service.store.migrate import migrate
from service.store.reading import incident_record, page_of_incidents
from service.store.records import IncidentRecord, Page
from service.store.saving import save
from service.store.snapshot import Recent, Snapshot, read_snapshot, visit_recent

_ID_COLUMNS = {"incidents": t.incidents.c.id, "episodes": t.episodes.c.id}


class Transaction:
    """A write transaction. Ledgers are loaded from it and saved to it; leaving it commits, an error rolls back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next: dict[str, int] = {}

    def load(self, wanted: Wanted, window: timedelta) -> Ledger:
        """Return a ledger of everything that `wanted` can touch."""
        return load(self._connection, wanted, window, self._reserve)

    def save(self, ledger: Ledger) -> None:
        """Write everything that changed in the ledger."""
        save(self._connection, ledger)

    def stale_incidents(self, now: datetime) -> list[int]:
        """Return the ids of the open incidents that nothing was heard of for too long."""
        late = t.incidents.c.stale_at < now
        return list(self._connection.scalars(select(t.incidents.c.id).where(late).order_by(t.incidents.c.id)))

    def prune_deliveries(self, before: datetime) -> None:
        """Forget the raw bodies last received before `before`."""
        for source in self._connection.scalars(select(t.deliveries.c.source).distinct()).all():
            old = (t.deliveries.c.source == source, t.deliveries.c.last_received_at < before)
            self._connection.execute(delete(t.deliveries).where(*old))

    def _reserve(self, table: str) -> int:
        """Return the next id of a table; whoever writes holds the database, so that nobody else takes it."""
        if table not in self._next:
            self._next[table] = (self._connection.scalar(select(func.max(_ID_COLUMNS[table]))) or 0) + 1
        taken = self._next[table]
        self._next[table] = taken + 1
        return taken


class Store:
    """Everything that is remembered. All methods raise `StoreUnavailable` where the database does not answer.

    Safe to use from many threads; `transaction` is for one writer at a time.
    """

    def __init__(self, engine: Engine, policy: Policy, lock: FileLock) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writes=True)
        self._policy = policy
        self._lock = lock

    @classmethod
    def open(cls, database_url: str, policy: Policy) -> "Store":
        """Lock the database, bring it to the shape this version needs, and return the store.

        Raises `StoreRefused`, with what to change, for a database that another process uses, that a newer version
        wrote, or that is no database; nothing is written over it.
        """
        url = parse(database_url)
        lock = FileLock(Path(url.database or ""))
        lock.acquire()
        engine = connect(database_url)
        try:
            with translated():
                migrate(engine)
        except Exception as error:
            engine.dispose()
            lock.release()
            if isinstance(error, StoreRefused):
                raise
            msg = f"cannot open {url.database}: {error}"
            raise StoreRefused(msg) from error
        return cls(engine, policy, lock)

    def close(self) -> None:
        """Close the connections and let go of the lock."""
        self._engine.dispose()
        self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Write: commits on leaving, rolls back where an error leaves it."""
        with translated(), self._writing.begin() as connection:
            yield Transaction(connection)

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers."""
        with translated(), self._engine.connect() as connection:
            connection.execute(select(1))

    def incident(self, incident_id: int) -> IncidentRecord | None:
        """Return one incident with its history; of a merged one, the record of the incident that absorbed it."""
        with translated(), self._engine.connect() as connection:
            return incident_record(connection, incident_id, self._policy)

    def incidents(
        self,
        *,
        now: datetime,
        phases: Collection[Phase] = (),
        severities: Collection[Severity] = (),
        open_only: bool = False,
        before: int | None = None,
        limit: int = 100,
    ) -> Page:
        """Return incidents, newest first, without those that were merged into another.

        Empty `phases` and `severities` mean all; `before` is the `next_before` of the page that came ahead.
        """
        with translated(), self._engine.connect() as connection:
            return page_of_incidents(
                connection,
                phases=phases,
                severities=severities,
                open_only=open_only,
                before=before,
                limit=limit,
                now=now,
            )

    def snapshot(self, now: datetime, cap: int) -> Snapshot:
        """Return the running totals, what is open and what is owed, all of one moment.

        At most `cap` incidents are listed one by one in each list; counts are never capped.
        """
        with translated(), self._engine.connect() as connection:
            return read_snapshot(connection, now, cap)

    def visit_recent(self, since: datetime, visit: Callable[[Recent], None]) -> None:
        """Call `visit` with each incident that was detected after `since`; dismissed and merged ones are left out."""
        with translated(), self._engine.connect() as connection:
            visit_recent(connection, since, visit)

    def last_heard(self) -> dict[str, datetime]:
        """Return when each source that is remembered last sent something."""
        c = t.deliveries.c
        heard: dict[str, datetime] = {}
        source: str | None = ""
        with translated(), self._engine.connect() as connection:
            while source is not None:  # from one source to the next by the index, however many deliveries there are
                source = connection.scalar(select(func.min(c.source)).where(c.source > source))
                if source is not None:
                    latest = select(func.max(c.last_received_at)).where(c.source == source)
                    heard[source] = connection.scalars(latest).one()
        return heard
