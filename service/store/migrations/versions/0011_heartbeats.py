"""The heartbeat of the reconciliation in a table of its own, instead of as an empty webhook body."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

_DIGEST = bytes.fromhex('52f8aed915a246a98ad9467180443792')
"""That of an empty body of the source `reconciled`."""
_BODY = bytes.fromhex('5809030000000001')
"""An empty body, compressed."""


def upgrade() -> None:
    op.create_table('heartbeats',
    sa.Column('name', sa.String(length=32), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_heartbeats'))
    )
    op.execute(
        "INSERT INTO heartbeats (name, at) SELECT 'reconcile', max(last_received_at) FROM deliveries"
        " WHERE source = 'reconciled' HAVING count(*) > 0"
    )
    empty = sa.bindparam('digest', _DIGEST, sa.LargeBinary())
    op.execute(sa.text('DELETE FROM deliveries WHERE digest = :digest').bindparams(empty))


def downgrade() -> None:
    back = sa.text(
        'INSERT INTO deliveries (digest, source, first_received_at, last_received_at, times, body)'
        " SELECT :digest, 'reconciled', at, at, 1, :body FROM heartbeats"
    )
    binary = (sa.bindparam('digest', _DIGEST, sa.LargeBinary()), sa.bindparam('body', _BODY, sa.LargeBinary()))
    op.execute(back.bindparams(*binary))
    op.drop_table('heartbeats')
