"""Whether a PostgreSQL-compatible engine does what the store relies on, not only accepts its statements.

A distributed engine may accept an advisory lock and lock nothing: two replicas would then assign the same ids.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from service.store.engine import StoreRefused, connect, is_file, parse, shown
from service.store.probe_checks import CHECKS, TABLE_CHECKS, Unfit, alone, create_table, drop_table

_WARNED = {"durability"}
"""Checks that do not stop the service: whoever turns fsync off has given up what a crash of the machine loses."""
_LOG = logging.getLogger(__name__)


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
        return _results(engine)
    except SQLAlchemyError as error:
        raise StoreRefused(f"cannot reach {shown(url)}: {getattr(error, 'orig', error)}") from error
    finally:
        engine.dispose()


def refuse_unless_fit(engine: Engine) -> None:
    """Raise `StoreRefused`, with all reasons, if a check fails without which what is stored may be wrong."""
    failed = [result for result in _results(engine) if not result.ok]
    for result in failed:
        if result.check in _WARNED:
            _LOG.warning("this database is not durable: %s", result.detail)
    reasons = [f"{result.check}: {result.detail}" for result in failed if result.check not in _WARNED]
    if reasons:
        raise StoreRefused(
            f"this database does not do what is needed ({'; '.join(reasons)}); see `mttx db probe` and docs/scaling.md"
        )


def _results(engine: Engine) -> list[ProbeResult]:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    results = [_run(name, check, engine) for name, check in CHECKS.items()]
    with alone(engine):
        tables = _run("tables", create_table, engine)
        if not tables.ok:
            return [*results, tables]
        try:
            on_table = [_run(name, check, engine) for name, check in TABLE_CHECKS.items()]
        finally:
            drop_table(engine)
    return [*results, tables, *on_table]


def _run(name: str, check: Callable[[Engine], str], engine: Engine) -> ProbeResult:
    try:
        return ProbeResult(name, ok=True, detail=check(engine))
    except Unfit as unfit:
        return ProbeResult(name, ok=False, detail=str(unfit))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return ProbeResult(name, ok=False, detail=str(error.orig).partition("\n")[0])
