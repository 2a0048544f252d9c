"""The name of the token that each event was sent with."""

import sqlalchemy as sa
from alembic import op


revision = '0007'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('events', sa.Column('recorded_by', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('events', 'recorded_by')
