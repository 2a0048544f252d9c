"""The outbox: what is to be delivered to other systems, kept until the receiver has it.

A row has a key, not the content: the incident is read when the row is delivered, so that ten changes are one
delivery and a repeat causes none. An incident is enqueued in the transaction that changes it (`enqueue`); its other
rows are planned when that row is delivered. A row may be planned for later, such as a reminder of a deadline: until
then it blocks nothing and does not count as pending.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Dialect, and_, case, exists, func, or_, select, text, update
from sqlalchemy.sql.dml import UpdateBase

from service.domain.actions import ActionState
from service.domain.incident import Phase
from service.domain.policy import Policy, Severity
from service.render.item_keys import ItemKey, OutboxKind, OutboxRow, micros_of
from service.render.storm import GatheredIncident
from service.store import tables as t
from service.store.histories import history_of
from service.store.outbox_rows import (
    Backlog,
    Claim,
    Delivered,
    OutboxIncident,
    PlannedRow,
    Postponed,
    Result,
    Stopped,
)
from service.store.statements import Write, insert_for

RESYNC_CHUNK = 500
LONGEST_LEASE = timedelta(minutes=15)
"""The longest lease of any replica, whatever its timeouts."""
_o = t.outbox.c
_PENDING = and_(_o.wanted > _o.delivered, _o.failure.is_(None))
Begin = Callable[[], AbstractContextManager[Connection]]
"""Begins a transaction; leaving it commits."""
_NOTHING_DELIVERED = {"remote_id": None, "digest": None, "failure": None}


def enqueue(connection: Connection, targets: Iterable[str], incident_ids: Collection[int], now: datetime) -> None:
    """Enqueue these incidents, within the transaction that changes them."""
    keys = [ItemKey(OutboxKind.INCIDENT, incident_id) for incident_id in sorted(incident_ids)]
    _UPSERT.run(connection, [_row(target, PlannedRow(key), now) for target in targets for key in keys])


class Outbox:
    """The queue of every target. Safe to use from many threads, processes and replicas.

    `read` and `write` begin short transactions. Every method raises `StoreUnavailable`.
    """

    def __init__(self, read: Begin, write: Begin, policy: Policy) -> None:
        self._read = read
        self._write = write
        self._policy = policy

    def incident(self, target: str, incident_id: int) -> OutboxIncident | None:
        """Return an incident with its history and its target's rows; None if there is no such incident."""
        with self._read() as connection:
            history = history_of(connection, incident_id, self._policy)
            if history is None:
                return None
            columns = (*(_o[name] for name in t.OUTBOX_KEY), _o.digest, _o.remote_id, _PENDING.label("is_pending"))
            query = select(*columns).where(_o.target == target, _o.incident_id.in_(history.opened_at)).order_by(_o.id)
            rows = connection.execute(query)
            return OutboxIncident(
                history, tuple(OutboxRow(key_of(row), row.digest, row.remote_id, row.is_pending) for row in rows)
            )

    def claim(self, target: str, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
        """Lease up to `limit` rows that are due and not leased, of each incident and dashboard or channel only the
        earliest.

        A claim that is not completed before its lease ends is lost to the next; so is one whose lease ends later than
        any taken now could, since a clock was wrong then. If nothing is due, nothing is written.
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

    def complete(self, results: Sequence[Result], now: datetime) -> None:
        """Record the results of claims, in one transaction.

        A claim that was lost meanwhile changes nothing, except that a delivery under it puts the row in doubt: the next
        delivery looks for it at the receiver first.
        """
        with self._write() as connection:
            for result in sorted(results, key=lambda r: r.claim.row_id):
                ours = update(t.outbox).where(_o.id == result.claim.row_id, _o.leased_by == result.claim.leased_by)
                updated = connection.execute(ours.values(_outcome(result, now)))
                if not updated.rowcount and isinstance(result, Delivered):
                    _verify_again(connection, result.claim.row_id, now)
                if not isinstance(result, Postponed):
                    in_doubt = min(result.claim.attempts, 1)
                    _UPSERT.run(connection, [_row(result.claim.target, row, now, in_doubt) for row in result.planned])

    def count_reports(self, claim: Claim, since: datetime, now: datetime) -> int:
        """Return how many first messages about incidents were posted to the channel of a claim since then, by the
        receiver's clock, or are being posted before it.
        """
        before = and_(_o.remote_id.is_(None), _PENDING, _o.lease_until > now, _o.id < claim.row_id)
        counts = [
            select(func.count()).where(*_first_in(claim), condition).scalar_subquery()
            for condition in (_o.remote_id >= micros_of(since), before)
        ]
        with self._read() as connection:
            return connection.scalar(select(counts[0] + counts[1])) or 0

    def count_gathered(self, claim: Claim, since: datetime, until: datetime) -> int:
        """Return how many incidents of the channel of a claim are named in storm messages of these times."""
        named = _o.remote_id.between(-micros_of(until), -micros_of(since))
        with self._read() as connection:
            return connection.scalar(select(func.count()).where(*_first_in(claim), named)) or 0

    def gathered(self, claim: Claim, storm_at: datetime) -> list[GatheredIncident]:
        """Return the incidents that a storm's message names, in order of id."""
        c = t.incidents.c
        query = select(c.id, c.title, c.severity, c.phase).join(t.outbox, _o.incident_id == c.id).order_by(c.id)
        with self._read() as connection:
            rows = connection.execute(query.where(*_first_in(claim), _o.remote_id == -micros_of(storm_at)))
            return [GatheredIncident(row.id, row.title, Severity(row.severity), Phase(row.phase)) for row in rows]

    def backlog(self, target: str, now: datetime) -> Backlog:
        """Return the pending rows, without those planned for later."""
        waits = and_(_o.target == target, _PENDING, ~_later(_o, now))
        pending = select(func.count(), func.min(_o.pending_since)).where(waits)
        stopped = select(func.count()).where(_o.target == target, _o.failure.is_not(None))
        later = select(func.min(_o.not_before)).where(_o.target == target, _PENDING, _o.not_before > now)
        with self._read() as connection:
            count, oldest = connection.execute(pending).one()
            return Backlog(count, oldest, connection.scalar(stopped) or 0, connection.scalar(later))

    def resume(self, target: str, now: datetime) -> None:
        """Retry stopped rows, and at once what waits for its next attempt, or for a storm; rows for later stay so."""
        rows = update(t.outbox).where(_o.target == target)
        of_storms = _o.kind.in_([OutboxKind.MESSAGE, OutboxKind.STORM])
        with self._write() as connection:
            connection.execute(rows.where(_o.failure.is_not(None)).values(failure=None, next_attempt_at=now))
            connection.execute(rows.where(_PENDING, of_storms, _later(_o, now)).values(not_before=None))
            waits = and_(_PENDING, _o.next_attempt_at > now, ~_later(_o, now))
            connection.execute(rows.where(waits).values(next_attempt_at=now))

    def enqueue_existing(self, target: str, planned: Sequence[PlannedRow], now: datetime) -> None:
        """Enqueue `planned`, and all that is open or outstanding, which may be older than the target or its rules."""
        c, a = t.incidents.c, t.actions.c
        outstanding = or_(c.stale_at.is_not(None), c.draft_due_at.is_not(None), c.final_due_at.is_not(None))
        with_actions = select(a.incident_id).where(a.state == ActionState.OPEN)
        with self._write() as connection:
            ids = connection.scalars(select(c.id).where(outstanding).union(with_actions).order_by(c.id)).all()
            for first in range(0, len(ids), RESYNC_CHUNK):
                keys = [ItemKey(OutboxKind.EXISTING, i) for i in ids[first : first + RESYNC_CHUNK]]
                _UPSERT.run(connection, [_row(target, PlannedRow(key), now) for key in keys])
            _UPSERT.run(connection, [_row(target, row, now) for row in planned])

    def plan(self, target: str, planned: Sequence[PlannedRow], now: datetime) -> None:
        """Enqueue rows that nothing else plans; one that is pending keeps its time."""
        with self._write() as connection:
            _UPSERT.run(connection, [_row(target, row, now) for row in planned])

    def resync(self, target: str, since: datetime | None, now: datetime) -> Iterator[int]:
        """Enqueue everything as if nothing had ever been delivered; yields how many incidents so far.

        It counts as one attempt, so that a row with more was being delivered, or had failed, when it was enqueued.

        `since`: only incidents that are open or started at or after it. Memory does not grow with their number.
        """
        c, last, done = t.incidents.c, 0, 0
        query = select(c.id).order_by(c.id).limit(RESYNC_CHUNK)
        if since is not None:
            query = query.where(or_(c.deadlines_from >= since, c.stale_at.is_not(None)))
        while True:
            with self._write() as connection:
                ids = connection.scalars(query.where(c.id > last)).all()
                if not ids:
                    return
                rows = update(t.outbox).where(_o.target == target, _o.incident_id.in_(ids))
                connection.execute(rows.values(**_NOTHING_DELIVERED, attempts=_o.attempts + 1, next_attempt_at=now))
                planned = [PlannedRow(ItemKey(OutboxKind.INCIDENT, i)) for i in ids]
                _UPSERT.run(connection, [_row(target, row, now, attempts=1) for row in planned])
            last, done = ids[-1], done + len(ids)
            yield done


def key_of(row: Any) -> ItemKey:
    """Return the key in a row's columns."""
    columns = {name: getattr(row, name) for name in t.OUTBOX_KEY}
    return ItemKey(**columns | {"kind": OutboxKind(row.kind)})


def _first_in(claim: Claim) -> tuple[Any, ...]:
    """Return the conditions that a row is the first message about an incident in the channel of a claim."""
    return _o.target == claim.target, _o.dashboard_uid == claim.key.channel, text(t.FIRST_MESSAGE)


def _free(now: datetime, latest: datetime) -> Any:
    return or_(_o.lease_until.is_(None), _o.lease_until < now, _o.lease_until > latest)


def _later(columns: Any, now: datetime) -> Any:
    """Return the condition that a row is for later than `now`."""
    return and_(columns.not_before.is_not(None), columns.not_before > now)


def _behind_another(now: datetime) -> Any:
    """Return the condition that an earlier row of the same incident has to go out first.

    Rows for different dashboards or channels do not wait for each other: one may be shut.
    """
    other = t.outbox.alias()
    pending = and_(other.c.wanted > other.c.delivered, other.c.failure.is_(None), ~_later(other.c, now))
    same = and_(other.c.target == _o.target, other.c.incident_id == _o.incident_id, other.c.id < _o.id)
    together = or_(other.c.dashboard_uid == "", _o.dashboard_uid == "", other.c.dashboard_uid == _o.dashboard_uid)
    return exists().where(same, together, pending)


def _claim(row: Any) -> Claim:
    return Claim(
        row_id=row.id,
        target=row.target,
        key=key_of(row),
        generation=row.wanted,
        digest=row.digest,
        remote_id=row.remote_id,
        attempts=row.attempts - 1,
        not_before=row.not_before,
        leased_by=row.leased_by,
        lease_until=row.lease_until,
    )


def _outcome(result: Result, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"leased_by": None, "lease_until": None}
    match result:
        case Delivered(claim, remote_id, digest):
            done = {"delivered": claim.generation, "remote_id": remote_id, "digest": digest, "attempts": 0}
            return values | done | {"pending_since": now, "next_attempt_at": now}
        case Stopped(_, reason):
            return values | {"failure": reason}
        case Postponed(claim, at, attempted, planned):
            unsent = {} if attempted else {"attempts": claim.attempts}
            return values | {"next_attempt_at": at} | unsent | ({"not_before": at} if planned else {})


def _verify_again(connection: Connection, row_id: int, now: datetime) -> None:
    again = {"wanted": _o.wanted + 1, "attempts": _o.attempts + 1, "remote_id": None, "digest": None}
    waits = {"pending_since": now, "next_attempt_at": now}
    connection.execute(update(t.outbox).where(_o.id == row_id).values(again | waits))


def _row(target: str, planned: PlannedRow, now: datetime, attempts: int = 0) -> dict[str, Any]:
    at = max(planned.at or now, now)
    return {
        "target": target,
        **{name: getattr(planned.key, name) for name in t.OUTBOX_KEY},
        "wanted": 1,
        "delivered": 0,
        "attempts": attempts,
        "pending_since": at,
        "next_attempt_at": at,
        "not_before": planned.at,
    }


def _upsert(dialect: Dialect) -> UpdateBase:
    """Insert rows, or count one more change of existing ones; pending rows keep their place and next attempt."""
    new = insert_for(dialect)(t.outbox)
    statement: UpdateBase = new.on_conflict_do_update(
        index_elements=[_o.target, *(_o[name] for name in t.OUTBOX_KEY)],
        set_={
            "wanted": _o.wanted + 1,
            "failure": None,
            "pending_since": case((_PENDING, _o.pending_since), else_=new.excluded.pending_since),
            "next_attempt_at": case((_PENDING, _o.next_attempt_at), else_=new.excluded.next_attempt_at),
        },
    )
    return statement


_UPSERT = Write(_upsert)
