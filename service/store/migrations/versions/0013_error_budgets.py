"""What each incident spent of the error budgets, and the running totals. Those measured already are computed again."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'error_budgets',
        sa.Column('incident_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('slo', sa.String(length=64), nullable=False),
        sa.Column('spent_ratio', sa.Float(), nullable=False),
        sa.Column('detected_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('incident_id', 'slo', name=op.f('pk_error_budgets')),
    )
    op.create_index('ix_error_budgets_detected_at', 'error_budgets', ['detected_at'])
    op.create_table(
        'budget_totals',
        sa.Column('slo', sa.String(length=64), nullable=False),
        sa.Column('severity', sa.String(length=8), nullable=False),
        sa.Column('spent_ratio', sa.Float(), nullable=False),
        sa.Column('incidents', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('slo', 'severity', name=op.f('pk_budget_totals')),
    )
    measured = "id IN (SELECT incident_id FROM events WHERE kind = 'budget_measured')"
    op.execute(sa.text(f'UPDATE incidents SET refold = true WHERE merged_into IS NULL AND {measured}'))


def downgrade() -> None:
    op.drop_table('budget_totals')
    op.drop_table('error_budgets')
