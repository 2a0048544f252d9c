"""Who reported an alert and when last, where events were sent to, when an incident is settled; all is to be refolded."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.sql.elements import conv


revision = '0006'
down_revision = '0007'
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
_UNSETTLED = sa.text('settled_at IS NOT NULL AND counted < 512')
_REFOLD = sa.text('refold')
_IDENTITY = ['source', 'fingerprint', 'starts_at', 'ends_at', 'group_key', 'stale']
_IDENTITY_BEFORE = conv('uq_observations_source_fingerprint_starts_at_ends_at_group_key_stale')


def upgrade() -> None:
    for column in (
        sa.Column('withdrawn', sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column('settled_at', sa.BigInteger(), nullable=True),
        sa.Column('outlived_at', sa.BigInteger(), nullable=True),
        sa.Column('refold', sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column('incidents', column)
    op.drop_column('incidents', 'closed_at')
    op.execute('UPDATE incidents SET refold = true WHERE merged_into IS NULL')
    op.create_index('ix_incidents_unsettled', 'incidents', ['settled_at'], unique=False, sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED)
    op.create_index('ix_incidents_refold', 'incidents', ['id'], unique=False, sqlite_where=_REFOLD, postgresql_where=_REFOLD)
    op.add_column('episodes', sa.Column('end_unknown', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('observations', sa.Column('peer', sa.Text(), nullable=True))
    op.add_column('observations', sa.Column('last_received_at', sa.BigInteger(), nullable=True))
    op.add_column('observations', sa.Column('onset_at', sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE observations SET peer = '', last_received_at = COALESCE((SELECT d.last_received_at FROM deliveries d"
        ' WHERE d.digest = observations.delivery), recorded_at),'
        ' onset_at = (SELECT e.onset_at FROM episodes e WHERE e.id = observations.episode_id)'
    )
    with op.batch_alter_table('observations') as batch:
        batch.alter_column('peer', existing_type=sa.Text(), nullable=False)
        batch.alter_column('last_received_at', existing_type=sa.BigInteger(), nullable=False)
        batch.drop_constraint(_IDENTITY_BEFORE, type_='unique')
        batch.create_unique_constraint('uq_observations_identity', [*_IDENTITY, 'peer'])
    op.add_column('events', sa.Column('sent_to', _BIG_ID, nullable=True))
    op.execute('UPDATE events SET sent_to = incident_id')
    with op.batch_alter_table('events') as batch:
        batch.alter_column('sent_to', existing_type=_BIG_ID, nullable=False)
        batch.drop_constraint(conv('uq_events_incident_id_event_id'), type_='unique')
        batch.create_unique_constraint('uq_events_sent_to_event_id', ['sent_to', 'event_id'])
    op.create_index('ix_events_incident_id', 'events', ['incident_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_events_incident_id', table_name='events')
    op.execute('DELETE FROM events WHERE incident_id <> sent_to')
    with op.batch_alter_table('events') as batch:
        batch.drop_constraint('uq_events_sent_to_event_id', type_='unique')
        batch.create_unique_constraint(conv('uq_events_incident_id_event_id'), ['incident_id', 'event_id'])
        batch.drop_column('sent_to')
    op.execute(
        'DELETE FROM observations WHERE id NOT IN (SELECT MIN(id) FROM observations GROUP BY '
        + ', '.join(_IDENTITY) + ')'
    )
    with op.batch_alter_table('observations') as batch:
        batch.drop_constraint('uq_observations_identity', type_='unique')
        batch.create_unique_constraint(_IDENTITY_BEFORE, _IDENTITY)
        for column in ('peer', 'last_received_at', 'onset_at'):
            batch.drop_column(column)
    op.drop_column('episodes', 'end_unknown')
    op.drop_index('ix_incidents_refold', table_name='incidents')
    op.drop_index('ix_incidents_unsettled', table_name='incidents')
    op.add_column('incidents', sa.Column('closed_at', sa.BigInteger(), nullable=True))
    for name in ('withdrawn', 'settled_at', 'outlived_at', 'refold'):
        op.drop_column('incidents', name)
