"""Databases of the tests' own process: each gets its tables from a script, and no commit waits for the disk.

The script is what the migrations made of a first database, as the database itself words it. What has tables already
is migrated as ever. Servers that a test starts do as they do for users.
"""

from sqlalchemy import inspect

from service.store import engine, revisions
from service.store.migrate import HEAD

migrate = revisions.upgrade
set_up_sqlite = engine._set_up_sqlite
_scripts = {}


def set_up_quickly(connection, record):
    """Set a connection up to a SQLite that waits for no disk, as the PostgreSQL that tests share does not."""
    set_up_sqlite(connection, record)
    connection.execute("PRAGMA synchronous=OFF")


def upgrade(connection):
    """Make the tables of an empty database by the script, if there is one; migrate any other."""
    dialect = connection.dialect.name
    if inspect(connection).get_table_names():
        migrate(connection)
    elif dialect in _scripts:
        cursor = connection.connection.cursor()
        for statement in _scripts[dialect]:
            cursor.execute(statement)
    else:
        migrate(connection)
        if dialect == "sqlite":
            made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
            _scripts[dialect] = [*made.scalars(), _VERSION]


def learn(server):
    """Have a PostgreSQL server's own pg_dump write the script."""
    url = server.new_database()
    new = engine.connect(url)
    with engine.writing(new).begin() as connection:
        migrate(connection)
    new.dispose()
    _scripts["postgresql"] = [server.dump(url), _VERSION]
    server.drop(url)


_VERSION = f"INSERT INTO alembic_version VALUES ('{HEAD}')"
