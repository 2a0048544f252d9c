"""The values by which incidents are broken down. Every incident is recomputed to find them."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('incidents', sa.Column('dimensions', sa.Text(), nullable=False, server_default='{}'))
    op.execute(sa.text("UPDATE incidents SET refold = true, firings = '{}' WHERE merged_into IS NULL"))


def downgrade() -> None:
    catalog = "sqlite_master WHERE type = 'index' AND tbl_name = 'incidents'"
    if op.get_bind().dialect.name == 'postgresql':
        catalog = "(SELECT indexname AS name FROM pg_indexes WHERE schemaname = current_schema()) AS indexes WHERE true"
    names = op.get_bind().scalars(sa.text(f"SELECT name FROM {catalog} AND name LIKE 'ix_incidents_by_%'")).all()
    for name in names:
        op.drop_index(name, table_name='incidents')
    op.execute(sa.text("UPDATE incidents SET firings = '{}'"))
    op.drop_column('incidents', 'dimensions')
