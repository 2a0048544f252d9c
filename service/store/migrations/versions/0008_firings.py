"""What the firings of an incident of very many add up to."""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('incidents', sa.Column('firings', sa.Text(), nullable=False, server_default='{}'))


def downgrade() -> None:
    op.drop_column('incidents', 'firings')
