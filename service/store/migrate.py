"""Migrating a database to this version's schema, before the first request."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine

from service.store.engine import StoreRefused, writing

MIGRATIONS = Path(__file__).parent / "migrations"
_LOG = logging.getLogger(__name__)


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, built here so that no alembic.ini is needed."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["connection"] = connection
    return made


def migrate(engine: Engine) -> None:
    """Run missing migrations in one transaction. Raises `StoreRefused` for a database that a newer version wrote."""
    with writing(engine).begin() as connection:
        head = ScriptDirectory.from_config(config()).get_current_head()
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is None:
            _LOG.info("creating the database")
        else:
            _LOG.info("migrating the database from schema %s to %s", current, head)
        try:
            command.upgrade(config(connection), "head")
        except CommandError as error:
            msg = f"a newer mttx-exporter wrote this database (schema {current}); run that version, or restore a backup"
            raise StoreRefused(msg) from error


def is_current(engine: Engine) -> bool:
    """Return whether the database has this version's schema."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current == ScriptDirectory.from_config(config()).get_current_head()


def knows(engine: Engine) -> bool:
    """Return whether the database has the schema of this version or an older one."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current in {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
