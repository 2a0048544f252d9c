"""Moving to another engine: copy every row of one database into an empty one, then compare every row."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, String, Table, collate, func, insert, select

from service.store.engine import StoreRefused, connect, is_file, parse, translated, writing
from service.store.locks import FileLock
from service.store.migrate import is_current, migrate
from service.store.probe import refuse_unless_fit
from service.store.tables import TITLE_INDEX, metadata

CHUNK = 1000
_TABLES = [table for table in metadata.sorted_tables if table not in TITLE_INDEX]
Progress = Callable[[str, str, int], None]
"""Called with the step ("copied" or "compared"), the table, and how many of its rows are done."""


def copy(source_url: str, target_url: str, progress: Progress) -> int:
    """Copy everything and return the number of rows. The target is written in one transaction: all or nothing.

    The source must not be written meanwhile: a SQLite file is locked as by a running service, replicas on PostgreSQL
    wait for their turn. Raises `StoreRefused` for a source of another version, a target that is not empty or fails the
    checks of `mttx db probe`, or a row that differs afterwards; `StoreUnavailable` if a database does not answer.
    """
    with ExitStack() as stack:
        source, target = (_opened(url, stack) for url in (source_url, target_url))
        with translated():
            if not is_current(source):
                raise StoreRefused("the source was written by another version; start this version's `mttx serve` once")
            if not is_file(target.url):
                refuse_unless_fit(target)
            migrate(target)
            with writing(source).begin() as reading, writing(target).begin() as destination:
                _must_be_empty(destination)
                rows = sum(_copy_table(reading, destination, table, progress) for table in _TABLES)
                _go_on_counting(destination)
                for table in _TABLES:
                    _compare(reading, destination, table, progress)
                return rows


def _opened(url: str, stack: ExitStack) -> Engine:
    parsed = parse(url)
    if is_file(parsed):
        lock = FileLock(Path(parsed.database or ""))
        lock.acquire()
        stack.callback(lock.release)
    engine = connect(url)
    stack.callback(engine.dispose)
    return engine


def _must_be_empty(target: Connection) -> None:
    for table in _TABLES:
        if target.scalar(select(func.count()).select_from(select(table).limit(1).subquery())):
            raise StoreRefused(f"the target is not empty (table {table.name}); copy into an empty database")


def _copy_table(source: Connection, target: Connection, table: Table, progress: Progress) -> int:
    copied = 0
    for part in _rows(source, table).partitions(CHUNK):
        target.execute(insert(table), [row._asdict() for row in part])
        copied += len(part)
        progress("copied", table.name, copied)
    return copied


def _compare(source: Connection, target: Connection, table: Table, progress: Progress) -> None:
    with closing(_rows(source, table)) as here, closing(_rows(target, table)) as there:
        for compared, (row, copied) in enumerate(zip_longest(here, there), start=1):
            if row is None or copied is None or tuple(row) != tuple(copied):
                raise StoreRefused(f"a row of {table.name} differs after copying; the target was left empty")
            if compared % CHUNK == 0:
                progress("compared", table.name, compared)


def _rows(connection: Connection, table: Table) -> Any:
    """Return the rows by key, a few in memory at a time, in the same order on every engine."""
    order = list(_order(connection, table))
    return connection.execution_options(yield_per=CHUNK).execute(select(table).order_by(*order))


def _order(connection: Connection, table: Table) -> Iterator[Any]:
    by_bytes = connection.dialect.name == "postgresql"  # its default collation may be that of a language
    for column in table.primary_key:
        yield collate(column, "C") if by_bytes and isinstance(column.type, String) else column


def _go_on_counting(target: Connection) -> None:
    """Make the database number new rows after the copied ones."""
    if target.dialect.name != "postgresql":
        return
    for table in _TABLES:
        if (column := table.autoincrement_column) is not None:
            last = select(func.max(column)).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            target.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))
