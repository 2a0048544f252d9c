"""Statements that every batch runs: compiled once per engine, then passed to its driver.

For a few rows SQLAlchemy's own execution costs several times what SQLite does (docs/performance.md). Types are
those of the tables, errors are SQLAlchemy's.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Dialect,
    Select,
    Table,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import dml
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from service.store.types import JsonList

CHUNK = 500
"""How many values one IN list carries; engines limit the variables of a statement."""
FEW, MAX_AT_ONCE = 8, 64
"""Rows in one statement; times the columns they stay far below PostgreSQL's limit (65535 parameters)."""
Rows = Sequence[Mapping[str, Any]]
Query = Select[Any] | CompoundSelect[Any]


def among(column: ColumnElement[Any], dialect: Dialect, values: str = "values") -> ColumnElement[bool]:
    """Return the condition that a column is among a parameter's values: one list of any length, one statement."""
    if dialect.name == "postgresql":
        return column == any_(bindparam(values, type_=ARRAY(column.type)))
    listed = func.json_each(bindparam(values, type_=JsonList())).table_valued("value")
    return column.in_(select(listed.c.value))


def execute(connection: Connection, sql: str, values: Any = (), *, many: bool = False) -> Sequence[Any]:
    """Run a statement by the driver, and return its rows; the driver's errors are raised as SQLAlchemy's."""
    cursor = connection.connection.cursor()
    errors = connection.dialect.loaded_dbapi.Error
    try:
        (cursor.executemany if many else cursor.execute)(sql, values)
        return cursor.fetchall() if cursor.description else []
    except errors as error:
        raise DBAPIError.instance(None, None, error, errors) from error


def insert_for(dialect: Dialect) -> Any:
    """Return what makes an INSERT that can also update."""
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert


class Write:
    """Writes rows. `make` builds the statement for an engine; all rows it writes have the same keys."""

    def __init__(self, make: Callable[[Dialect], UpdateBase]) -> None:
        self._make = make
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, rows: Rows) -> None:
        """Write all rows, if there are any."""
        if not rows:
            return
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            statement = self._make(dialect)
            made = statement.compile(dialect=dialect, column_keys=list(rows[0]), for_executemany=True)
            self._compiled[dialect.name] = _Compiled(made, dialect)
        compiled = self._compiled[dialect.name]
        execute(connection, compiled.sql, [compiled.bind(row) for row in rows], many=True)


class Insert(Write):
    """Inserts rows. On PostgreSQL many share a statement: each statement costs it several times what a row does."""

    def __init__(self, make: Callable[[Dialect], dml.Insert]) -> None:
        super().__init__(make)
        self._inserts = make
        self._many: dict[int, _Compiled] = {}

    def run(self, connection: Connection, rows: Rows) -> None:
        """Insert all rows, if there are any."""
        dialect = connection.dialect
        if dialect.name != "postgresql":
            super().run(connection, rows)
            return
        for portion in _portions(rows):
            if len(portion) not in self._many:
                self._many[len(portion)] = self._compile(dialect, list(portion[0]), len(portion))
            compiled = self._many[len(portion)]
            values = {f"{name}_{i}": value for i, row in enumerate(portion) for name, value in row.items()}
            execute(connection, compiled.sql, compiled.bind(values))

    def _compile(self, dialect: Dialect, names: Sequence[str], count: int) -> "_Compiled":
        statement = self._inserts(dialect)
        types = {name: statement.table.c[name].type for name in names}
        marked = [{name: bindparam(f"{name}_{i}", type_=types[name]) for name in names} for i in range(count)]
        return _Compiled(statement.values(marked).compile(dialect=dialect), dialect)


def _portions(rows: Rows) -> Iterator[Rows]:
    """Split rows into portions of 64, 32, 16, and a rest of 8 or fewer: few statements, few round trips."""
    begin = 0
    while begin < len(rows):
        left = len(rows) - begin
        size = left if left <= FEW else min(MAX_AT_ONCE, 1 << left.bit_length() - 1)
        yield rows[begin : begin + size]
        begin += size


class Read:
    """Reads rows, with a named field for each column. `make` builds the query for an engine."""

    def __init__(self, make: Callable[[Dialect], Query]) -> None:
        self._make = make
        self._compiled: dict[str, tuple[_Compiled, _Named]] = {}

    def rows(self, connection: Connection, **parameters: object) -> list[Any]:
        """Return all rows."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            query = self._make(dialect)
            self._compiled[dialect.name] = _Compiled(query.compile(dialect=dialect), dialect), _Named(query, dialect)
        compiled, named = self._compiled[dialect.name]
        return named(execute(connection, compiled.sql, compiled.bind(parameters)))

    def among(self, connection: Connection, values: Collection[object], **parameters: object) -> list[Any]:
        """Return the rows for these `values`; without values, no query runs."""
        return self.rows(connection, values=list(values), **parameters) if values else []


class _Compiled:
    """A statement's text, and the conversion of its parameters for the driver."""

    def __init__(self, compiled: Any, dialect: Dialect) -> None:
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - statements always compile to this
        self.sql = str(compiled)
        self._positional = compiled.positiontup is not None
        self._names = list(compiled.positiontup or compiled.binds)
        processors = (
            (i, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for i, name in enumerate(self._names)
        )
        self._processors = [(i, process) for i, process in processors if process is not None]
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}

    def bind(self, row: Mapping[str, Any]) -> Any:
        if self._constants:
            row = {**self._constants, **row}
        values = [row[name] for name in self._names]
        for i, process in self._processors:
            values[i] = process(values[i])
        return values if self._positional else dict(zip(self._names, values, strict=True))


class _Named:
    """Converts the driver's rows to rows with named fields."""

    def __init__(self, query: Query, dialect: Dialect) -> None:
        columns = list(query.selected_columns)
        self._row: Any = namedtuple("Row", [str(column.key) for column in columns])  # type: ignore[misc]
        processors = (column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns)
        self._processors = [(i, process) for i, process in enumerate(processors) if process is not None]

    def __call__(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        named = []
        for row in rows:
            values = list(row)
            for i, process in self._processors:
                values[i] = process(values[i])
            named.append(self._row._make(values))
        return named


def upsert(table: Table, *, add: Collection[str] = (), replace: Collection[str] = ()) -> Insert:
    """Return the statement that inserts a row, or adds to and replaces columns of the stored one."""

    def make(dialect: Dialect) -> dml.Insert:
        new = insert_for(dialect)(table)
        changes = {name: table.c[name] + new.excluded[name] for name in add}
        changes |= {name: new.excluded[name] for name in replace}
        statement: dml.Insert = new.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
        return statement

    return Insert(make)
