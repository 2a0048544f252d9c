"""Alembic's entry: runs the migrations on the connection that `service.store.revisions` hands over."""

from typing import Any, Literal

from alembic import context

from service.store.tables import metadata
from service.store.types import End, InstantColumn, Json


def render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write our own column types as what they are in the database, so that a migration never imports today's code."""
    if kind == "type" and isinstance(item, InstantColumn | End):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, Json):
        return "sa.Text()"
    return False


connection = context.config.attributes["connection"]
# All or nothing: SQLite rolls table definitions back too, though Alembic does not expect it to.
context.configure(connection=connection, target_metadata=metadata, render_item=render_item, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
