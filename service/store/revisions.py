"""The revisions of the schema, by Alembic: which there are, and running those that a database lacks."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine

from service.store.engine import StoreRefused
from service.store.migrate import schema_of

MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, built here so that no alembic.ini is needed."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> None:
    """Run missing migrations. Raises `StoreRefused` for a database that a newer version wrote."""
    try:
        command.upgrade(config(connection), "head")
    except CommandError as error:
        msg = (
            f"a newer mttx-exporter wrote this database (schema {schema_of(connection)}); run that version, or "
            "restore a backup"
        )
        raise StoreRefused(msg) from error


def knows(engine: Engine) -> bool:
    """Return whether the database has the schema of this version or an older one."""
    with engine.connect() as connection:
        current = schema_of(connection)
    return current in {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
