"""The dimensions in SQL: the value that an incident has of a label, and an index of those that are configured.

Every incident is stored with a value for each of its labels, so that a change of the configuration applies to all of
them at once; only the indexes follow the configuration.
"""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import ColumnElement, Connection, Dialect, Engine, String, func, literal_column, select, text

from service.store import tables as t
from service.store.engine import writing

_PREFIX = "ix_incidents_by_"


def value_of(label: str, dialect: Dialect, *, indexed: bool = False) -> ColumnElement[str]:
    """Return the value of a label, "" without one; `label` is a label name, of letters, digits and underscores.

    Only if it is `indexed` its index is used: SQLite would take it in place of those of a few open or recent incidents.
    """
    value = _sql(label, dialect)
    return literal_column(value if indexed else f"{value} || ''", String)


def _sql(label: str, dialect: Dialect) -> str:
    """Return the expression, of which the index has to have the very same text."""
    if dialect.name == "postgresql":
        return f"coalesce((dimensions::json ->> '{label}'), '')"
    return f"coalesce(json_extract(dimensions, '$.{label}'), '')"


def have_values(values: Mapping[str, str], dialect: Dialect, *, indexed: bool = False) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that an incident has these values of labels; `indexed` as in `value_of`."""
    return (value_of(label, dialect, indexed=indexed) == value for label, value in values.items())


def distinct_values(connection: Connection, label: str, limit: int) -> list[str]:
    """Return the first values of a label in alphabetical order, at most `limit`: one index step for each."""
    value = value_of(label, connection.dialect, indexed=True)
    first = select(func.min(value).label("value")).select_from(t.incidents).where(value > "").cte(recursive=True)
    following = select(func.min(value)).select_from(t.incidents).where(value > first.c.value).correlate(first)
    every = first.union_all(select(following.scalar_subquery()).where(first.c.value.is_not(None)))
    return list(connection.scalars(select(every.c.value).where(every.c.value.is_not(None)).limit(limit)))


def index_dimensions(engine: Engine, labels: Collection[str]) -> None:
    """Create the missing index of each label, and drop those of others."""
    configured = {f"{_PREFIX}{label.lower()}": label for label in labels}
    with engine.connect() as connection:
        present = _present(connection)
    if present == configured.keys():
        return
    with writing(engine).begin() as connection:
        for name in sorted(_present(connection) ^ configured.keys()):
            if name in configured:
                expression = _sql(configured[name], connection.dialect)
                connection.execute(text(f"CREATE INDEX {name} ON incidents ({expression}, id)"))
            else:
                connection.execute(text(f"DROP INDEX {name}"))


def _present(connection: Connection) -> set[str]:
    """Return the names of the indexes that exist; SQLAlchemy does not reflect those of expressions."""
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'incidents'"
    if connection.dialect.name == "postgresql":
        indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 'incidents' AND schemaname = current_schema()"
    return {name for name in connection.scalars(text(indexes)) if name.startswith(_PREFIX)}
