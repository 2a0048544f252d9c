"""Migrating a database to this version's schema, before the first request. Alembic is imported only to change it."""

import logging

from sqlalchemy import Connection, Engine, inspect, text

from service.store.engine import writing

HEAD = "0016"
"""The schema of this version: the last revision in `migrations/versions`."""
_LOG = logging.getLogger(__name__)


def migrate(engine: Engine) -> None:
    """Run missing migrations in one transaction. Raises `StoreRefused` for a database that a newer version wrote."""
    with writing(engine).begin() as connection:
        current = schema_of(connection)
        if current == HEAD:
            return
        if current is None:
            _LOG.info("creating the database")
        else:
            _LOG.info("migrating the database from schema %s to %s", current, HEAD)
        from service.store.revisions import upgrade  # noqa: PLC0415 - Alembic is a tenth of the start

        upgrade(connection)


def is_current(engine: Engine) -> bool:
    """Return whether the database has this version's schema."""
    with engine.connect() as connection:
        return schema_of(connection) == HEAD


def schema_of(connection: Connection) -> str | None:
    """Return the revision of a database's schema, None for a database without one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.scalar(text("select version_num from alembic_version"))
    return None if revision is None else str(revision)
