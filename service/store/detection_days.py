"""How often the incidents detected on each day have changed: what was computed from them is current until that grows.

The count grows in the transaction that writes the incident, whichever process that is in.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from service.domain.periods import Period
from service.store import tables as t
from service.store.statements import upsert
from service.store.types import EPOCH

_COUNT = upsert(t.detection_days, add=["changes"])


def count_changes(connection: Connection, detections: Iterable[datetime | None]) -> None:
    """Count a change of incidents with these detections, before the change and after it; None: not detected."""
    days = {_day(at) for at in detections if at is not None}
    _COUNT.run(connection, [{"day": day, "changes": 1} for day in sorted(days)])


def changes_of(connection: Connection, periods: Sequence[Period]) -> list[int]:
    """Return, for each of the periods, a number that grows with every change of an incident detected in it."""
    c = t.detection_days.c
    first, last = min(p.begins_at for p in periods), max(p.ends_at for p in periods)
    counted = connection.execute(select(c.day, c.changes).where(c.day.between(_day(first), _day(last)))).all()
    return [sum(n for day, n in counted if _day(p.begins_at) <= day <= _day(p.ends_at)) for p in periods]


def _day(at: datetime) -> int:
    return (at - EPOCH).days
