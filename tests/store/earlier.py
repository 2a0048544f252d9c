"""Databases as an earlier version left them, and Slack and Grafana as they were then."""

from itertools import count
from pathlib import Path

from sqlalchemy import Boolean, LargeBinary, MetaData

from service.store import revisions
from service.store.engine import connect

DATABASES = Path(__file__).parent / "databases"
FIRST_NEW_ID = 1000
"""PostgreSQL's sequences go on from here."""


def fill(url, schema, rows):
    """Make a database of a schema with rows by table."""
    engine = connect(url)
    with engine.begin() as connection:
        revisions.command.upgrade(revisions.config(connection), schema)
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            for row in rows.get(table.name, ()):
                connection.execute(table.insert(), {c.name: _value(c, row[c.name]) for c in table.columns})
        if connection.dialect.name == "postgresql":
            for name in {"outbox", "events", "observations"} & set(tables.tables):
                connection.exec_driver_sql(f"SELECT setval('{name}_id_seq', {FIRST_NEW_ID})")
    engine.dispose()


def _value(column, stored):
    if stored is None:
        return None
    if isinstance(column.type, LargeBinary):
        return bytes.fromhex(stored)
    return bool(stored) if isinstance(column.type, Boolean) else stored


def restore(slack, grafana, receivers):
    """Give Slack and Grafana what they had."""
    slack.messages, slack.now = dict(receivers["slack"]), receivers["now"]
    for row in receivers["grafana"]["rows"]:
        grafana.annotations._keep(dict(row))
    grafana.annotations.ids = count(len(grafana.annotations.rows) + 1)
    grafana.annotations.tags = {tuple(tag) for tag in receivers["grafana"]["tags"]}
