"""A version of the whole database, cheap to query: whether anything was written since."""

from collections.abc import Hashable
from itertools import count

from sqlalchemy import Connection

from service.store.statements import execute

_numbers = count()


def version_of(connection: Connection) -> Hashable:
    """Return a value that equals an earlier one only if nothing was committed in between, by any connection.

    SQLite counts for each connection what others have committed, and separately what that connection itself has
    changed; PostgreSQL names the transactions that a snapshot sees.
    """
    if connection.dialect.name == "postgresql":
        return str(connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar_one())
    driver = connection.connection.driver_connection
    number = connection.info.setdefault("mttx.number", next(_numbers))
    [[others]] = execute(connection, "PRAGMA data_version")
    return number, others, driver.total_changes  # type: ignore[union-attr]
