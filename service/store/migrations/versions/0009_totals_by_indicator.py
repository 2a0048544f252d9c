"""Running totals keyed by the indicator, or by what is counted, instead of by the name of a metric."""

from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_LEAD_TIME = 'mttx_postmortem_lead_time_seconds'
_TOTALS = (
    *((f'mttx_time_to_{name}_seconds', name) for name in ('detect', 'acknowledge', 'mitigate', 'resolve')),
    *((f'mttx_incidents_{name}_total', name) for name in ('opened', 'resolved', 'dismissed')),
)
_STAGES = (('draft', 'draft'), ('final', 'finalize'))


def upgrade() -> None:
    op.execute('ALTER TABLE totals RENAME COLUMN metric TO indicator')
    op.execute('ALTER TABLE totals RENAME COLUMN detail TO resolution_source')
    for metric, name in _TOTALS:
        op.execute(f"UPDATE totals SET indicator = '{name}' WHERE indicator = '{metric}'")
    for stage, name in _STAGES:
        lead_time = f"indicator = '{_LEAD_TIME}' AND resolution_source = '{stage}'"
        op.execute(f"UPDATE totals SET indicator = '{name}', resolution_source = '' WHERE {lead_time}")


def downgrade() -> None:
    for stage, name in _STAGES:
        op.execute(
            f"UPDATE totals SET indicator = '{_LEAD_TIME}', resolution_source = '{stage}' WHERE indicator = '{name}'"
        )
    for metric, name in _TOTALS:
        op.execute(f"UPDATE totals SET indicator = '{metric}' WHERE indicator = '{name}'")
    op.execute('ALTER TABLE totals RENAME COLUMN resolution_source TO detail')
    op.execute('ALTER TABLE totals RENAME COLUMN indicator TO metric')
