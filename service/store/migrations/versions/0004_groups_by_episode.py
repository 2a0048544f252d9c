"""The groups of an episode: kept by its id and once less, since a group key is long."""

from typing import Any

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def _remake(*keys: str, without_rowid: bool) -> None:
    op.drop_index('ix_episode_groups_source_group_key_ends_at', 'episode_groups')
    op.rename_table('episode_groups', 'episode_groups_before')
    if op.get_context().dialect.name == 'postgresql':
        op.execute('ALTER TABLE episode_groups_before DROP CONSTRAINT pk_episode_groups')  # its name is needed
    columns: dict[str, sa.Column[Any]] = {
        'source': sa.Column('source', sa.String(length=64), nullable=False),
        'group_key': sa.Column('group_key', sa.Text(), nullable=False),
        'episode_id': sa.Column('episode_id', _BIG_ID, autoincrement=False, nullable=False),
    }
    op.create_table('episode_groups',
    *(columns[key] for key in keys),
    sa.Column('ends_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint(*keys, name=op.f('pk_episode_groups')),
    sqlite_with_rowid=not without_rowid,
    )
    names = ', '.join((*keys, 'ends_at'))
    op.execute(f'INSERT INTO episode_groups ({names}) SELECT {names} FROM episode_groups_before ORDER BY {names}')
    op.drop_table('episode_groups_before')
    op.create_index('ix_episode_groups_source_group_key_ends_at', 'episode_groups', ['source', 'group_key', 'ends_at'], unique=False)


def upgrade() -> None:
    op.drop_index('ix_episode_groups_episode_id', 'episode_groups')
    _remake('episode_id', 'source', 'group_key', without_rowid=True)


def downgrade() -> None:
    _remake('source', 'group_key', 'episode_id', without_rowid=False)
    op.create_index('ix_episode_groups_episode_id', 'episode_groups', ['episode_id'], unique=False)
