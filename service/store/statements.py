"""Statements that every batch runs: compiled once per engine, then passed to its driver.

For a few rows SQLAlchemy's own execution costs several times what SQLite does (docs/performance.md). Types are
those of the tables, errors are SQLAlchemy's.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    ColumnElement,
    CompoundSelect,
    Connection,
    Dialect,
    Float,
    LargeBinary,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
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
    with _errors_of(connection):
        cursor = connection.connection.cursor()
        (cursor.executemany if many else cursor.execute)(sql, values)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def _errors_of(connection: Connection) -> Iterator[None]:
    errors = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except errors as error:
        raise DBAPIError.instance(None, None, error, errors) from error


@contextmanager
def pipelined(connection: Connection, *, commit: bool = False) -> Iterator[None]:
    """Send the statements of a block to PostgreSQL without waiting for each; leaving the block raises their errors.

    Within the block nothing can be read: of a query (`Read.ask`) the rows are there after it. With `commit` the
    transaction is committed with them, and leaving it finds nothing to do; SQLite commits then.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    with _errors_of(connection), connection.connection.driver_connection.pipeline():  # type: ignore[union-attr]
        yield
        if commit:
            execute(connection, "COMMIT")


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
            self._compiled[dialect.name] = self._compile(dialect, list(rows[0]))
        compiled = self._compiled[dialect.name]
        self._execute(connection, compiled, [compiled.bind(row) for row in rows])

    def _compile(self, dialect: Dialect, names: list[str]) -> "_Compiled":
        made = self._make(dialect).compile(dialect=dialect, column_keys=names, for_executemany=True)
        return _Compiled(made, dialect)

    def _execute(self, connection: Connection, compiled: "_Compiled", values: list[Any]) -> None:
        execute(connection, compiled.sql, values, many=True)


class Insert(Write):
    """Inserts rows. PostgreSQL gets them as one text in JSON: a parameter for each value costs more than a row does."""

    def __init__(self, make: Callable[[Dialect], dml.Insert]) -> None:
        super().__init__(make)
        self._inserts = make

    def _compile(self, dialect: Dialect, names: list[str]) -> "_Compiled":
        compiled = super()._compile(dialect, names)
        if dialect.name == "postgresql":
            compiled.sql = self._from_json(dialect, compiled)
        return compiled

    def _from_json(self, dialect: Dialect, compiled: "_Compiled") -> str:
        statement = self._inserts(dialect)
        types = [statement.table.c[name].type for name in compiled.names]
        binary = [isinstance(type_, LargeBinary) for type_ in types]
        fields = (column(n, Text() if b else t) for n, t, b in zip(compiled.names, types, binary, strict=True))
        rows = func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON()))
        recordset = rows.table_valued(*fields).render_derived(with_types=True)
        values = (
            func.decode(field, literal_column("'hex'")) if b else field
            for field, b in zip(recordset.c, binary, strict=True)
        )
        made = statement.from_select(compiled.names, select(*values), include_defaults=False)
        return str(made.compile(dialect=dialect))

    def _execute(self, connection: Connection, compiled: "_Compiled", values: list[Any]) -> None:
        if connection.dialect.name != "postgresql":
            super()._execute(connection, compiled, values)
        else:
            execute(connection, compiled.sql, {"rows": to_json(values, bytes_mode="hex").decode()})


class Read:
    """Reads rows, with a named field for each column. `make` builds the query for an engine."""

    def __init__(self, make: Callable[[Dialect], Query]) -> None:
        self._make = make
        self._compiled: dict[str, tuple[_Compiled, _Named]] = {}

    def rows(self, connection: Connection, **parameters: object) -> list[Any]:
        """Return all rows."""
        return self.ask(connection, **parameters)()

    def each(self, connection: Connection, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows, of which there may be very many, as the database has them: instants are microseconds."""
        compiled, _ = self._for(connection.dialect)
        streaming = connection.execution_options(yield_per=CHUNK)
        for rows in streaming.exec_driver_sql(compiled.sql, compiled.bind(parameters)).partitions():
            yield from map(tuple, rows)

    def raw(self, connection: Connection, **parameters: object) -> Sequence[tuple[Any, ...]]:
        """Return all rows as the database has them."""
        compiled, _ = self._for(connection.dialect)
        return execute(connection, compiled.sql, compiled.bind(parameters))

    def ask(self, connection: Connection, **parameters: object) -> Callable[[], list[Any]]:
        """Run the query, and return what reads its rows."""
        compiled, named = self._for(connection.dialect)
        cursor = connection.connection.cursor()
        with _errors_of(connection):
            cursor.execute(compiled.sql, compiled.bind(parameters))
        return lambda: named(cursor.fetchall())

    def _for(self, dialect: Dialect) -> "tuple[_Compiled, _Named]":
        if dialect.name not in self._compiled:
            query = self._make(dialect)
            self._compiled[dialect.name] = _Compiled(query.compile(dialect=dialect), dialect), _Named(query, dialect)
        return self._compiled[dialect.name]

    def among(self, connection: Connection, values: Collection[object], **parameters: object) -> list[Any]:
        """Return the rows for these `values`; without values, no query runs."""
        return self.rows(connection, values=list(values), **parameters) if values else []


class _Compiled:
    """A statement's text, and the conversion of its parameters for the driver."""

    def __init__(self, compiled: Any, dialect: Dialect) -> None:
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - statements always compile to this
        self.sql = str(compiled)
        self._positional = compiled.positiontup is not None
        self.names = [f"{name}" for name in compiled.positiontup or compiled.binds]  # SQLAlchemy's are slow to convert
        processors = (
            (i, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for i, name in enumerate(self.names)
            if not isinstance(compiled.binds[name].type, LargeBinary)  # drivers take bytes as they are
        )
        self._processors = [(i, process) for i, process in processors if process is not None]
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}

    def bind(self, row: Mapping[str, Any]) -> Any:
        if self._constants:
            row = {**self._constants, **row}
        values = [row[name] for name in self.names]
        for i, process in self._processors:
            values[i] = process(values[i])
        return tuple(values) if self._positional else dict(zip(self.names, values, strict=True))


class _Named:
    """Converts the driver's rows to rows with named fields."""

    def __init__(self, query: Query, dialect: Dialect) -> None:
        columns = list(query.selected_columns)
        self._row: Any = namedtuple("Row", [str(column.key) for column in columns])  # type: ignore[misc]
        types = (column.type for column in columns)
        processors = (
            None if isinstance(t, Float) else t.dialect_impl(dialect).result_processor(dialect, None)
            for t in types  # drivers return floats as they are
        )
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
