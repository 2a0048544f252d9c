"""Checks that a PostgreSQL-compatible engine behaves as the store needs it, not only that it accepts the statements.

A distributed engine may accept an advisory lock and lock nothing: two replicas would then assign the same ids.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Engine, Index, MetaData, Table, Text, func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from service.store.engine import StoreRefused, connect, is_file, parse, shown, writing

_TABLE = Table(
    "mttx_probe", MetaData(), Column("id", BigInteger, primary_key=True), Column("state", Text), Column("n", BigInteger)
)
Index("mttx_probe_open", _TABLE.c.state, unique=True, postgresql_where=_TABLE.c.state == "open")
WAIT_MS = 100
"""How long the second session waits for the lock that the first one holds."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of one check; `detail` says what was seen."""

    check: str
    ok: bool
    detail: str


def probe(database_url: str) -> list[ProbeResult]:
    """Check a database that may be empty; creates the table `mttx_probe` and drops it.

    Raises `StoreRefused` for a SQLite file, or if the database cannot be reached.
    """
    url = parse(database_url)
    if is_file(url):
        raise StoreRefused("a SQLite file needs no probe; this is for engines with PostgreSQL's protocol")
    engine = connect(database_url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return [_run(name, check, engine) for name, check in _CHECKS.items()]
    except SQLAlchemyError as error:
        raise StoreRefused(f"cannot reach {shown(url)}: {getattr(error, 'orig', error)}") from error
    finally:
        engine.dispose()


def refuse_unless_exclusive(engine: Engine) -> None:
    """Raise `StoreRefused` unless the lock that makes replicas write in turn excludes a second session."""
    result = _run("turns", _turns, engine)
    if not result.ok:
        msg = f"this database cannot be shared by replicas: {result.detail}; `mttx db probe` checks everything it needs"
        raise StoreRefused(msg)


def _run(name: str, check: Callable[[Engine], str], engine: Engine) -> ProbeResult:
    try:
        return ProbeResult(name, ok=True, detail=check(engine))
    except _Unfit as unfit:
        return ProbeResult(name, ok=False, detail=str(unfit))
    except DBAPIError as error:
        return ProbeResult(name, ok=False, detail=str(error.orig).partition("\n")[0])


class _Unfit(Exception):
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
        raise _Unfit(f"the encoding is {encoding}; create the database with UTF8")
    return encoding


def _durability(engine: Engine) -> str:
    with writing(engine).begin() as connection:
        fsync = connection.scalar(text("SELECT current_setting('fsync', true)"))
        commit = connection.scalar(text("SELECT current_setting('synchronous_commit', true)"))
    if "off" in (fsync, commit):
        raise _Unfit(f"fsync is {fsync} and synchronous_commit {commit}: what was answered 2xx may be lost")
    return f"fsync {fsync or 'not a setting here'}, synchronous_commit {commit or 'not a setting here'}"


def _turns(engine: Engine) -> str:
    """Take a lock in one session, and see that a second one waits for it, gives up, and gets it after the commit."""
    key = secrets.randbits(62)  # another replica may probe at the same time
    with engine.connect() as first, engine.connect() as second:
        with first.begin():
            _lock(first, key)
            if _gets(second, key):
                raise _Unfit("pg_advisory_xact_lock locks nothing: two sessions hold the same lock")
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
    except DBAPIError:
        if time.monotonic() - began < WAIT_MS / 2000:
            raise
        return False
    return True


def _isolation(engine: Engine) -> str:
    """See that a writer reads what others committed meanwhile, and that a reader does not."""
    with _table(engine), engine.connect() as reader, writing(engine).connect() as writer, reader.begin():
        before = _count(reader)
        with writer.begin():
            seen_by_writer = _count(writer)
            with engine.connect() as other, other.begin():
                other.execute(insert(_TABLE), {"id": 1})
            if _count(writer) == seen_by_writer:
                raise _Unfit("READ COMMITTED does not see what others committed: a turn would begin in the past")
        if _count(reader) != before:
            raise _Unfit("REPEATABLE READ sees what others committed: a scrape would not be of one moment")
    return "READ COMMITTED and REPEATABLE READ"


def _partial_index(engine: Engine) -> str:
    with _table(engine), engine.connect() as connection:
        with connection.begin():
            connection.execute(insert(_TABLE), [{"id": n, "state": "over" if n else "open"} for n in range(3)])
        try:
            with connection.begin():
                connection.execute(insert(_TABLE), {"id": 3, "state": "open"})
        except IntegrityError:
            return "a unique index on some rows is kept"
    raise _Unfit("a unique index WHERE … is not kept: an alert could have two open episodes")


def _upsert(engine: Engine) -> str:
    new = postgresql.insert(_TABLE)
    upsert = new.on_conflict_do_update(index_elements=[_TABLE.c.id], set_={"n": _TABLE.c.n + new.excluded.n})
    with _table(engine), engine.connect() as connection, connection.begin():
        for _ in range(3):
            connection.execute(upsert, {"id": 1, "n": 2})
        number = connection.scalar(select(_TABLE.c.n))
    if number != 6:
        raise _Unfit(f"INSERT … ON CONFLICT DO UPDATE three times made {number} of 6: totals would be wrong")
    return "INSERT … ON CONFLICT DO UPDATE"


def _migrations(engine: Engine) -> str:
    with _table(engine), engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(text("ALTER TABLE mttx_probe ADD COLUMN later TEXT"))
        transaction.rollback()
        with connection.begin():
            columns = connection.execute(text("SELECT * FROM mttx_probe")).keys()
    if "later" in columns:
        raise _Unfit("ALTER TABLE is not rolled back: a failed migration would leave half of it")
    return "ALTER TABLE is rolled back with its transaction"


@contextmanager
def _table(engine: Engine) -> Iterator[None]:
    """Create a table for one check, with a unique index on some of its rows."""
    with engine.begin() as connection:
        _TABLE.drop(connection, checkfirst=True)
        _TABLE.create(connection)
    try:
        yield
    finally:
        with engine.begin() as connection:
            _TABLE.drop(connection)


def _count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(_TABLE)) or 0


_CHECKS: dict[str, Callable[[Engine], str]] = {
    "server": _server,
    "encoding": _encoding,
    "durability": _durability,
    "turns": _turns,
    "isolation": _isolation,
    "partial index": _partial_index,
    "upsert": _upsert,
    "migrations": _migrations,
}
