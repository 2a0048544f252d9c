"""New databases of the tests' own process: each gets its tables from a script instead of from every migration.

The script is what the migrations made of a first database, as the database itself words it. What has tables already
is migrated as ever, and so is every database of a server that a test starts.
"""

from sqlalchemy import inspect

from service.store import revisions
from service.store.engine import connect, writing
from service.store.migrate import HEAD

migrate = revisions.upgrade
_scripts = {}


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
    engine = connect(url)
    with writing(engine).begin() as connection:
        migrate(connection)
    engine.dispose()
    _scripts["postgresql"] = [server.dump(url), _VERSION]
    server.drop(url)


_VERSION = f"INSERT INTO alembic_version VALUES ('{HEAD}')"
