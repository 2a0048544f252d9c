"""The kind of each row of the outbox and its key in columns, instead of in a name."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

_NO_TIME = 2**62
_KEY: dict[str, sa.types.TypeEngine[Any]] = {
    'kind': sa.String(16),
    'event_id': sa.Text(),
    'number': sa.Integer(),
    'subject': sa.String(16),
    'severity': sa.String(8),
    'action_id': sa.Text(),
    'due_at': sa.BigInteger(),
}
_EMPTY = {'number': '0', 'due_at': str(_NO_TIME)}
_UNIQUE = ['target', 'incident_id', 'kind', 'dashboard_uid', *list(_KEY)[1:]]
_UNIQUE_BEFORE = 'uq_outbox_target_incident_id_item_place'
_AT_ONCE = 5000
_PENDING = sa.text('wanted > delivered AND failure IS NULL')
_FAILURE = sa.text('failure IS NOT NULL')


def upgrade() -> None:
    for name, type_ in _KEY.items():
        op.add_column('outbox', sa.Column(name, type_, nullable=False, server_default=_EMPTY.get(name, '')))
    op.execute("UPDATE outbox SET kind = 'incident' WHERE item = 'region'")
    op.execute("UPDATE outbox SET kind = 'existing' WHERE item = 'owed'")
    op.execute("UPDATE outbox SET kind = 'event', event_id = substr(item, 7) WHERE item LIKE 'point:%'")
    _split_names()
    _drop_indexes()
    with op.batch_alter_table('outbox') as batch:
        batch.drop_constraint(_UNIQUE_BEFORE, type_='unique')
        batch.drop_column('item')
        batch.alter_column('place', new_column_name='dashboard_uid', existing_type=sa.Text(), existing_nullable=False)
        for name, type_ in _KEY.items():
            batch.alter_column(name, existing_type=type_, existing_nullable=False, server_default=None)
    with op.batch_alter_table('outbox') as batch:
        batch.create_unique_constraint('uq_outbox_key', _UNIQUE)
    _create_indexes()


def _split_names() -> None:
    """Split the names of messages, reminders and reviews, a few thousand rows at a time."""
    connection = op.get_bind()
    outbox = sa.table('outbox', sa.column('id'), sa.column('item'), *map(sa.column, _KEY))
    named = sa.select(outbox.c.id, outbox.c.item).where(outbox.c.kind == '').order_by(outbox.c.id).limit(_AT_ONCE)
    write = sa.update(outbox).where(outbox.c.id == sa.bindparam('row_id'))
    write = write.values({name: sa.bindparam(f'new_{name}') for name in _KEY})
    while rows := connection.execute(named).all():
        connection.execute(write, [{'row_id': row.id} | _key_of(row.item) for row in rows])


def _key_of(item: str) -> dict[str, Any]:
    key: dict[str, Any] = {'event_id': '', 'number': 0, 'subject': '', 'severity': '', 'action_id': '', 'due_at': _NO_TIME}
    kind, _, rest = item.partition(':')
    if kind == 'say':
        number, subject, severity, event_id = rest.split(':', 3)
        key |= {'number': int(number), 'subject': subject, 'severity': severity, 'event_id': event_id}
    elif kind == 'remind':
        subject, milliseconds, action_id = rest.split(':', 2)
        key |= {'subject': subject, 'due_at': int(milliseconds) * 1000, 'action_id': action_id}
    else:
        key |= {'due_at': int(rest) * 1_000_000}
    kinds = {'say': 'message', 'remind': 'reminder', 'review': 'team-wide'}
    return {f'new_{name}': value for name, value in {'kind': kinds[kind], **key}.items()}


def downgrade() -> None:
    op.add_column('outbox', sa.Column('item', sa.Text(), nullable=False, server_default=''))
    op.execute(
        "UPDATE outbox SET item = CASE kind WHEN 'incident' THEN 'region' WHEN 'existing' THEN 'owed'"
        " WHEN 'event' THEN 'point:' || event_id"
        " WHEN 'message' THEN 'say:' || CAST(number AS TEXT) || ':' || subject || ':' || severity || ':' || event_id"
        " WHEN 'reminder' THEN 'remind:' || subject || ':' || CAST(due_at / 1000 AS TEXT) || ':' || action_id"
        " ELSE 'review:' || CAST(due_at / 1000000 AS TEXT) END"
    )
    _drop_indexes()
    with op.batch_alter_table('outbox') as batch:
        batch.drop_constraint('uq_outbox_key', type_='unique')
        batch.alter_column('dashboard_uid', new_column_name='place', existing_type=sa.Text(), existing_nullable=False)
        batch.alter_column('item', existing_type=sa.Text(), existing_nullable=False, server_default=None)
        for name in _KEY:
            batch.drop_column(name)
    with op.batch_alter_table('outbox') as batch:
        batch.create_unique_constraint(_UNIQUE_BEFORE, ['target', 'incident_id', 'item', 'place'])
    _create_indexes()


def _drop_indexes() -> None:
    op.drop_index('ix_outbox_failure', 'outbox')
    op.drop_index('ix_outbox_pending', 'outbox')


def _create_indexes() -> None:
    op.create_index('ix_outbox_pending', 'outbox', ['target', 'next_attempt_at', 'id'], unique=False, sqlite_where=_PENDING, postgresql_where=_PENDING)
    op.create_index('ix_outbox_failure', 'outbox', ['target'], unique=False, sqlite_where=_FAILURE, postgresql_where=_FAILURE)
