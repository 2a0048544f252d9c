"""The index of titles, which is filled while the service runs."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('title_blocks',
    sa.Column('block', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('block', name=op.f('pk_title_blocks'))
    )
    op.create_table('title_slots',
    sa.Column('slot', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('members', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('slot', name=op.f('pk_title_slots'))
    )


def downgrade() -> None:
    op.drop_table('title_slots')
    op.drop_table('title_blocks')
