"""Long keys kept once less: the groups of an episode by its id, keys in their index; checks that people reported apart."""

from typing import Any

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
_REPORTED = sa.text("name <> 'deadline'")


def _remake(table: str, primary: list[str], columns: list[sa.Column[Any]], *, rowid: bool) -> None:
    """Make a table anew with the rows that it has; its other indexes are the caller's."""
    op.rename_table(table, f'{table}_before')
    if op.get_context().dialect.name == 'postgresql':
        op.execute(f'ALTER TABLE {table}_before DROP CONSTRAINT pk_{table}')  # its name is needed
    key = sa.PrimaryKeyConstraint(*primary, name=op.f(f'pk_{table}'))
    op.create_table(table, *columns, key, sqlite_with_rowid=rowid)
    names, order = (', '.join(some) for some in ([column.name for column in columns], primary))
    op.execute(f'INSERT INTO {table} ({names}) SELECT {names} FROM {table}_before ORDER BY {order}')
    op.drop_table(f'{table}_before')


def _remake_groups(primary: list[str], *, rowid: bool) -> None:
    op.drop_index('ix_episode_groups_source_group_key_ends_at', 'episode_groups')
    columns: list[sa.Column[Any]] = [
        sa.Column('episode_id', _BIG_ID, autoincrement=False, nullable=False),
        sa.Column('source', sa.String(length=64), nullable=False),
        sa.Column('group_key', sa.Text(), nullable=False),
        sa.Column('ends_at', sa.BigInteger(), nullable=False),
    ]
    _remake('episode_groups', primary, columns, rowid=rowid)
    op.create_index('ix_episode_groups_source_group_key_ends_at', 'episode_groups', ['source', 'group_key', 'ends_at'], unique=False)


def _remake_keys(*, rowid: bool) -> None:
    if op.get_context().dialect.name != 'sqlite':
        return  # its tables have no such choice
    columns: list[sa.Column[Any]] = [
        sa.Column('source', sa.String(length=64), nullable=False),
        sa.Column('incident_key', sa.Text(), nullable=False),
        sa.Column('incident_id', _BIG_ID, nullable=False),
    ]
    _remake('incident_keys', ['source', 'incident_key'], columns, rowid=rowid)


def upgrade() -> None:
    op.drop_index('ix_episode_groups_episode_id', 'episode_groups')
    _remake_groups(['episode_id', 'source', 'group_key'], rowid=False)
    _remake_keys(rowid=False)
    op.create_index('ix_failed_checks_reported', 'failed_checks', ['incident_id'], unique=False, sqlite_where=_REPORTED, postgresql_where=_REPORTED)


def downgrade() -> None:
    op.drop_index('ix_failed_checks_reported', 'failed_checks')
    _remake_keys(rowid=True)
    _remake_groups(['source', 'group_key', 'episode_id'], rowid=True)
    op.create_index('ix_episode_groups_episode_id', 'episode_groups', ['episode_id'], unique=False)
