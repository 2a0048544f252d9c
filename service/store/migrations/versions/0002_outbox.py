"""The outbox."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('target', sa.String(length=32), nullable=False),
    sa.Column('incident_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('item', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('wanted', sa.BigInteger(), nullable=False),
    sa.Column('delivered', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=16), nullable=True),
    sa.Column('remote_id', sa.BigInteger(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('pending_since', sa.BigInteger(), nullable=False),
    sa.Column('next_attempt_at', sa.BigInteger(), nullable=False),
    sa.Column('lease_until', sa.BigInteger(), nullable=True),
    sa.Column('leased_by', sa.String(length=32), nullable=True),
    sa.Column('failure', sa.String(length=32), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('target', 'incident_id', 'item', 'place', name=op.f('uq_outbox_target_incident_id_item_place'))
    )
    op.create_index('ix_outbox_failure', 'outbox', ['target'], unique=False, sqlite_where=sa.text('failure IS NOT NULL'), postgresql_where=sa.text('failure IS NOT NULL'))
    op.create_index('ix_outbox_pending', 'outbox', ['target', 'next_attempt_at', 'id'], unique=False, sqlite_where=sa.text('wanted > delivered AND failure IS NULL'), postgresql_where=sa.text('wanted > delivered AND failure IS NULL'))


def downgrade() -> None:
    op.drop_table('outbox')
