"""How often the incidents detected on each day have changed, from now on."""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('detection_days',
    sa.Column('day', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('changes', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_detection_days'))
    )


def downgrade() -> None:
    op.drop_table('detection_days')
