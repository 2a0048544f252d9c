"""The definition of done: failed checks, and when actions were completed and verified."""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('failed_checks',
    sa.Column('incident_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(length=32), nullable=False),
    sa.PrimaryKeyConstraint('incident_id', 'name', name=op.f('pk_failed_checks'))
    )
    with op.batch_alter_table('actions') as batch:
        batch.add_column(sa.Column('completed_at', sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column('verified_at', sa.BigInteger(), nullable=True))
    op.create_index('ix_actions_verified_at', 'actions', ['verified_at'], unique=False, sqlite_where=sa.text('verified_at IS NOT NULL'), postgresql_where=sa.text('verified_at IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_actions_verified_at', 'actions')
    with op.batch_alter_table('actions') as batch:
        batch.drop_column('verified_at')
        batch.drop_column('completed_at')
    op.drop_table('failed_checks')
