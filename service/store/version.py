"""Whether anybody has written since: a version of the whole database that costs next to nothing to ask for."""

from collections.abc import Hashable
from itertools import count

from sqlalchemy import Connection

from service.store.statements import driver_errors

_numbers = count()


def version_of(connection: Connection) -> Hashable:
    """Return what is equal to an earlier answer only where nothing was committed between, by whomever.

    SQLite counts for each connection what others have committed, and apart from it what that connection itself has
    changed; PostgreSQL names the transactions that a snapshot sees.
    """
    if connection.dialect.name == "postgresql":
        return str(connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar_one())
    driver = connection.connection.driver_connection
    number = connection.info.setdefault("mttx.number", next(_numbers))
    with driver_errors(connection.dialect):
        [others] = driver.execute("PRAGMA data_version").fetchone()  # type: ignore[union-attr]  # it is connected
    return number, others, driver.total_changes  # type: ignore[union-attr]
