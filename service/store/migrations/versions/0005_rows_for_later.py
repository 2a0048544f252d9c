"""Rows of the outbox that are for later, such as reminders."""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('outbox', sa.Column('not_before', sa.BigInteger(), nullable=True))
    op.execute(
        'UPDATE outbox SET not_before = next_attempt_at WHERE wanted > delivered AND attempts = 0'
        " AND (item LIKE 'remind:%' OR item LIKE 'review:%')"
    )


def downgrade() -> None:
    op.drop_column('outbox', 'not_before')
