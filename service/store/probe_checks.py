"""The checks of an engine: each says what it saw, or raises `Unfit` with what goes wrong and what to change.

They use a table of their own and never take the turn of the writers: replicas that run do not notice them.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import BigInteger, Column, Connection, Engine, Index, MetaData, Table, Text, func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateTable

from service.store.engine import as_writer

_TABLE = Table(
    "mttx_probe",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("state", Text),
    Column("n", BigInteger),
    prefixes=["UNLOGGED"],  # kept out of logical replication, whose subscribers do not have it
)
_OPEN = Index("mttx_probe_open", _TABLE.c.state, unique=True, postgresql_where=_TABLE.c.state == "open")
_ALONE = 0x6D747470
"""The advisory lock under which the table is used: replicas may start at the same time."""
WAIT_MS = 20
"""How long the second session waits for the lock that the first one holds."""
_IGNORED_SECONDS = 3.0
"""After so long a session that still waits was not told to stop by its `lock_timeout`."""
_LOCK_NOT_AVAILABLE = "55P03"


class Unfit(Exception):
    """The engine accepts the statements, and does not do what they say."""


def _server(engine: Engine) -> str:
    with engine.connect() as connection:
        version = str(connection.scalar(text("SELECT version()")))
        is_pooled = connection.connection.driver_connection.is_pooled  # type: ignore[union-attr]
    return f"{version.partition(' on ')[0]}{', through a pooler' if is_pooled else ''}"


def _encoding(engine: Engine) -> str:
    with engine.connect() as connection:
        encoding = str(connection.scalar(text("SHOW server_encoding")))
    if encoding.upper() not in ("UTF8", "UTF-8"):
        raise Unfit(f"the encoding is {encoding}, so titles would be refused; create the database with UTF8")
    return encoding


def _durability(engine: Engine) -> str:
    with engine.connect() as connection, connection.begin():
        as_writer(connection)
        fsync = connection.scalar(text("SELECT current_setting('fsync', true)"))
        commit = connection.scalar(text("SELECT current_setting('synchronous_commit', true)"))
    if "off" in (fsync, commit):
        raise Unfit(f"fsync is {fsync} and synchronous_commit {commit}: what was answered 2xx may be lost")
    return f"fsync {fsync or 'not a setting here'}, synchronous_commit {commit or 'not a setting here'}"


def _turns(engine: Engine) -> str:
    """Take a lock in one session, and see that a second one waits for it, gives up, and gets it after the commit."""
    key = secrets.randbits(62)  # another replica may probe at the same time
    patient = engine.execution_options(timeout_seconds=_IGNORED_SECONDS)
    with engine.connect() as first, patient.connect() as second:
        with first.begin():
            _lock(first, key)
            if _gets(second, key):
                raise Unfit("pg_advisory_xact_lock locks nothing: replicas would assign the same ids")
        with second.begin():
            _lock(second, key)
    return f"a second session waited, and gave up after lock_timeout ({WAIT_MS} ms)"


def _lock(connection: Connection, key: int) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _gets(connection: Connection, key: int) -> bool:
    """Return whether a session gets a lock within `WAIT_MS`."""
    began = time.monotonic()
    try:
        with connection.begin():
            connection.execute(text(f"SET LOCAL lock_timeout = {WAIT_MS}"))
            _lock(connection, key)
    except DBAPIError as error:
        if time.monotonic() - began >= _IGNORED_SECONDS:
            raise Unfit("lock_timeout is ignored: replicas would wait for one that hangs") from error
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _isolation(engine: Engine) -> str:
    """See that a writer reads what others committed meanwhile, and that a reader does not."""
    writers = engine.execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as reader, writers.connect() as writer, reader.begin(), writer.begin():
        before, seen_by_writer = _count(reader), _count(writer)
        with engine.connect() as other, other.begin():
            other.execute(insert(_TABLE), {"id": -1})
        if _count(writer) == seen_by_writer:
            raise Unfit("READ COMMITTED does not see what others committed: a turn would begin in the past")
        if _count(reader) != before:
            raise Unfit("REPEATABLE READ sees what others committed: a scrape would not be of one moment")
    return "READ COMMITTED and REPEATABLE READ"


def _count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(_TABLE)) or 0


def _partial_index(engine: Engine) -> str:
    with engine.connect() as connection:
        with connection.begin():
            _OPEN.create(connection)
            connection.execute(insert(_TABLE), [{"id": n, "state": "over" if n else "open"} for n in range(3)])
        try:
            with connection.begin():
                connection.execute(insert(_TABLE), {"id": 3, "state": "open"})
        except IntegrityError:
            return "a unique index on some rows is kept"
    raise Unfit("a unique index WHERE … is not kept: an alert could have two open episodes")


def _upsert(engine: Engine) -> str:
    new = postgresql.insert(_TABLE)
    upsert = new.on_conflict_do_update(index_elements=[_TABLE.c.id], set_={"n": _TABLE.c.n + new.excluded.n})
    with engine.connect() as connection, connection.begin():
        for _ in range(3):
            connection.execute(upsert, {"id": 10, "n": 2})
        number = connection.scalar(select(_TABLE.c.n).where(_TABLE.c.id == 10))
    if number != 6:
        raise Unfit(f"INSERT … ON CONFLICT DO UPDATE three times made {number} of 6: totals would be wrong")
    return "INSERT … ON CONFLICT DO UPDATE"


def _migrations(engine: Engine) -> str:
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(text("ALTER TABLE mttx_probe ADD COLUMN later TEXT"))
        transaction.rollback()
        with connection.begin():
            columns = connection.execute(text("SELECT * FROM mttx_probe WHERE id = -2")).keys()
    if "later" in columns:
        raise Unfit("ALTER TABLE is not rolled back: a failed migration would leave half of it")
    return "ALTER TABLE is rolled back with its transaction"


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Keep other probes of this database out."""
    with engine.connect() as connection, connection.begin():
        _lock(connection, _ALONE)
        yield


def create_table(engine: Engine) -> str:
    """Create the table of the checks; a probe that was killed may have left its own."""
    with engine.begin() as connection:
        _TABLE.drop(connection, checkfirst=True)
        connection.execute(CreateTable(_TABLE))
    return "tables can be created"


def drop_table(engine: Engine) -> None:
    """Drop the table of the checks."""
    with engine.begin() as connection:
        _TABLE.drop(connection)


CHECKS: dict[str, Callable[[Engine], str]] = {
    "server": _server,
    "encoding": _encoding,
    "durability": _durability,
    "turns": _turns,
}
TABLE_CHECKS: dict[str, Callable[[Engine], str]] = {
    "isolation": _isolation,
    "partial index": _partial_index,
    "upsert": _upsert,
    "migrations": _migrations,
}
"""The checks that need the table."""
