"""An index of the first message about each incident by its id at the receiver: how many were posted recently."""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

_FIRST = sa.text("kind = 'message' AND number = 1")


def upgrade() -> None:
    op.create_index('ix_outbox_first', 'outbox', ['target', 'dashboard_uid', 'remote_id'], unique=False, sqlite_where=_FIRST, postgresql_where=_FIRST)


def downgrade() -> None:
    op.drop_index('ix_outbox_first', 'outbox')
