"""The outbox: what is to be shown elsewhere, kept until the far side has it.

A row says what is wanted, not what to do: whoever delivers it reads the incident as it stands then, so that ten changes
are one delivery and a repeat is none. An incident is marked in the transaction that changes it (`mark`); its other rows
are found when that mark is worked on. A row may be planned for later, such as a reminder for when something is due:
until then it holds up nothing and does not count as waiting.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, and_, case, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.domain.actions import ActionState
from service.domain.policy import Policy
from service.store import tables as t
from service.store.outbox_rows import (
    OWED,
    REGION,
    Claim,
    Delivered,
    Planned,
    Postponed,
    Result,
    Stopped,
    Waiting,
)
from service.store.stories import Story, read_story

RESYNC_CHUNK = 500
LONGEST_LEASE = timedelta(minutes=15)
"""Whatever the timeouts of another replica are, its lease ends sooner."""
_o = t.outbox.c
_PENDING = and_(_o.wanted > _o.delivered, _o.failure.is_(None))
Begin = Callable[[], AbstractContextManager[Connection]]
"""Begins a transaction; leaving it commits."""
_FORGOTTEN = {"remote_id": None, "digest": None, "failure": None}


def mark(connection: Connection, targets: Iterable[str], incident_ids: Collection[int], now: datetime) -> None:
    """Have these incidents shown anew; part of the transaction that changes them."""
    rows = [_row(target, Planned(i, REGION), now) for target in targets for i in sorted(incident_ids)]
    _want(connection, rows)


class Outbox:
    """The queue of every target. Safe to use from many threads, processes and replicas.

    `read` and `write` begin transactions, all of them short. Every method raises `StoreUnavailable`.
    """

    def __init__(self, read: Begin, write: Begin, policy: Policy) -> None:
        self._read = read
        self._write = write
        self._policy = policy

    def story(self, target: str, incident_id: int) -> Story | None:
        """Return what there is to tell of an incident; None: there is no such incident."""
        with self._read() as connection:
            return read_story(connection, target, incident_id, self._policy)

    def claim(self, target: str, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
        """Take up to `limit` rows that are due and nobody else works on, of each incident only its earliest.

        Who does not settle a claim before its lease ends loses it to the next; so does whose lease ends later than any
        that is taken now could, since a clock was wrong then. Nothing is written where nothing is due.
        """
        free = _free(now, now + max(lease, LONGEST_LEASE))
        due = and_(_o.target == target, _PENDING, _o.next_attempt_at <= now, free, ~_behind_another(now))
        with self._read() as connection:
            ready = connection.scalars(select(_o.id).where(due).order_by(_o.next_attempt_at, _o.id).limit(limit)).all()
        if not ready:
            return []
        name, until = uuid4().hex, now + lease
        taking = update(t.outbox).where(_o.id.in_(ready), due)
        with self._write() as connection:
            connection.execute(taking.values(leased_by=name, lease_until=until, attempts=_o.attempts + 1))
            rows = connection.execute(select(t.outbox).where(_o.id.in_(ready), _o.leased_by == name).order_by(_o.id))
            return [_claim(row) for row in rows]

    def settle(self, results: Sequence[Result], now: datetime) -> None:
        """Write what became of claims, all in one transaction.

        A claim that was lost meanwhile changes nothing, save that a delivery under it puts the row in doubt: the next
        one looks at what is over there.
        """
        with self._write() as connection:
            for result in sorted(results, key=lambda r: r.claim.row_id):
                ours = update(t.outbox).where(_o.id == result.claim.row_id, _o.leased_by == result.claim.lease)
                settled = connection.execute(ours.values(_outcome(result, now)))
                if not settled.rowcount and isinstance(result, Delivered):
                    _doubt(connection, result.claim.row_id, now)
                if not isinstance(result, Postponed):
                    in_doubt = min(result.claim.attempts, 1)
                    _want(connection, [_row(result.claim.target, one, now, in_doubt) for one in result.planned])

    def waiting(self, target: str, now: datetime) -> Waiting:
        """Count what waits; what is planned for later does not."""
        waits = and_(_o.target == target, _PENDING, ~_later(_o, now))
        pending = select(func.count(), func.min(_o.pending_since)).where(waits)
        stopped = select(func.count()).where(_o.target == target, _o.failure.is_not(None))
        later = select(func.min(_o.not_before)).where(_o.target == target, _PENDING, _o.not_before > now)
        with self._read() as connection:
            count, oldest = connection.execute(pending).one()
            return Waiting(count, oldest, connection.scalar(stopped) or 0, connection.scalar(later))

    def resume(self, target: str, now: datetime) -> None:
        """Try again what was given up, and at once what waits for its next attempt; what is for later stays so."""
        rows = update(t.outbox).where(_o.target == target)
        with self._write() as connection:
            connection.execute(rows.where(_o.failure.is_not(None)).values(failure=None, next_attempt_at=now))
            waits = and_(_PENDING, _o.next_attempt_at > now, ~_later(_o, now))
            connection.execute(rows.where(waits).values(next_attempt_at=now))

    def enlist(self, target: str, planned: Sequence[Planned], now: datetime) -> None:
        """Mark what is open or owes something, which may have come before the target was configured, or under other
        rules; and want `planned` besides.
        """
        c, a = t.incidents.c, t.actions.c
        owes = or_(c.stale_at.is_not(None), c.draft_due_at.is_not(None), c.final_due_at.is_not(None))
        acts = select(a.incident_id).where(a.state == ActionState.OPEN)
        with self._write() as connection:
            ids = connection.scalars(select(c.id).where(owes).union(acts).order_by(c.id)).all()
            for first in range(0, len(ids), RESYNC_CHUNK):
                some = ids[first : first + RESYNC_CHUNK]
                _want(connection, [_row(target, Planned(i, OWED), now) for i in some])
            _want(connection, [_row(target, one, now) for one in planned])

    def resync(self, target: str, since: datetime | None, now: datetime) -> Iterator[int]:
        """Have everything shown anew, as if nothing were known of what is over there; yields how many incidents so far.

        It counts as one attempt, so that a row with more was being delivered, or had failed, when it was marked.

        `since`: only incidents that are open or began at or after it. Memory does not grow with their number.
        """
        c, last, done = t.incidents.c, 0, 0
        chosen = select(c.id).order_by(c.id).limit(RESYNC_CHUNK)
        if since is not None:
            chosen = chosen.where(or_(c.deadlines_from >= since, c.stale_at.is_not(None)))
        while True:
            with self._write() as connection:
                ids = connection.scalars(chosen.where(c.id > last)).all()
                if not ids:
                    return
                theirs = update(t.outbox).where(_o.target == target, _o.incident_id.in_(ids))
                connection.execute(theirs.values(**_FORGOTTEN, attempts=_o.attempts + 1, next_attempt_at=now))
                _want(connection, [_row(target, Planned(i, REGION), now, attempts=1) for i in ids])
            last, done = ids[-1], done + len(ids)
            yield done


def _free(now: datetime, latest: datetime) -> Any:
    return or_(_o.lease_until.is_(None), _o.lease_until < now, _o.lease_until > latest)


def _later(columns: Any, now: datetime) -> Any:
    """Whether a row is for later than `now`."""
    return and_(columns.not_before.is_not(None), columns.not_before > now)


def _behind_another(now: datetime) -> Any:
    """Whether an earlier row of the same incident has to go out first."""
    other = t.outbox.alias()
    pending = and_(other.c.wanted > other.c.delivered, other.c.failure.is_(None), ~_later(other.c, now))
    same = and_(other.c.target == _o.target, other.c.incident_id == _o.incident_id, other.c.id < _o.id)
    return exists().where(same, pending)


def _claim(row: Any) -> Claim:
    return Claim(
        row_id=row.id,
        target=row.target,
        incident_id=row.incident_id,
        item=row.item,
        place=row.place,
        generation=row.wanted,
        digest=row.digest,
        remote_id=row.remote_id,
        attempts=row.attempts - 1,
        not_before=row.not_before,
        lease=row.leased_by,
        until=row.lease_until,
    )


def _outcome(result: Result, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"leased_by": None, "lease_until": None}
    match result:
        case Delivered(claim, remote_id, digest):
            done = {"delivered": claim.generation, "remote_id": remote_id, "digest": digest, "attempts": 0}
            return values | done | {"pending_since": now, "next_attempt_at": now}
        case Stopped(_, reason):
            return values | {"failure": reason}
        case Postponed(claim, at, begun):
            return values | {"next_attempt_at": at} | ({} if begun else {"attempts": claim.attempts})


def _doubt(connection: Connection, row_id: int, now: datetime) -> None:
    again = {"wanted": _o.wanted + 1, "attempts": _o.attempts + 1, "remote_id": None, "digest": None}
    waits = {"pending_since": now, "next_attempt_at": now}
    connection.execute(update(t.outbox).where(_o.id == row_id).values(again | waits))


def _row(target: str, one: Planned, now: datetime, attempts: int = 0) -> dict[str, Any]:
    at = max(one.at or now, now)
    return {
        "target": target,
        "incident_id": one.incident_id,
        "item": one.item,
        "place": one.place,
        "wanted": 1,
        "delivered": 0,
        "attempts": attempts,
        "pending_since": at,
        "next_attempt_at": at,
        "not_before": one.at,
    }


def _want(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or count one more change of those that are here; what waits keeps its place and its next attempt."""
    if not rows:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = make(t.outbox)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[_o.target, _o.incident_id, _o.item, _o.place],
            set_={
                "wanted": _o.wanted + 1,
                "failure": None,
                "pending_since": case((_PENDING, _o.pending_since), else_=new.excluded.pending_since),
                "next_attempt_at": case((_PENDING, _o.next_attempt_at), else_=new.excluded.next_attempt_at),
            },
        ),
        rows,
    )
