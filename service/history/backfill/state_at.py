"""What was open or owing at an instant of the past, in the form of the store's snapshot of now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from service.domain.actions import ActionState
from service.domain.breakdown import NO_VALUE
from service.domain.incident import Incident
from service.domain.policy import Indicator, Severity, Stage
from service.domain.totals import IncidentCount, Increment, Total
from service.store.incidents import IncidentRow
from service.store.snapshot import OutstandingAction, Snapshot, by_turns
from service.store.snapshot import is_live as is_live_row

TotalKey = tuple[Indicator | IncidentCount, Severity, str, int]
"""As of a `Total`: indicator, severity, source of the resolution and bound."""


class RunningTotals:
    """The running totals over time. They end at the store's own of now, and never fall.

    `additions` are those of all incidents from the beginning to now: what the store counted besides, of incidents that
    were pruned or changed since, is there from the start.
    """

    def __init__(self, now: Iterable[Total], additions: Iterable[Increment]) -> None:
        self._counts: Counter[TotalKey] = Counter()
        self._seconds: dict[TotalKey, float] = {}
        for total in now:
            key = (total.indicator, total.severity, total.resolution_source, total.le)
            self._counts[key] = total.count
            self._seconds[key] = total.seconds
        for increment in additions:
            self._add(increment, -1)
        self._seconds = {key: _near(seconds) for key, seconds in self._seconds.items()}

    def add(self, added: Iterable[Increment]) -> None:
        """Add what an incident adds."""
        for increment in added:
            self._add(increment, 1)

    def _add(self, increment: Increment, sign: int) -> None:
        key = (increment.indicator, increment.severity, increment.resolution_source, increment.le)
        self._counts[key] += sign
        self._seconds[key] = self._seconds.get(key, 0.0) + sign * increment.seconds

    def totals(self) -> list[Total]:
        """Return the totals; none is below 0."""
        return [
            Total(*key, count=max(0, count), seconds=max(0.0, self._seconds.get(key, 0.0)))
            for key, count in self._counts.items()
        ]


def _near(seconds: float) -> float:
    return 0.0 if abs(seconds) < 1e-3 else seconds


def is_live(incident: Incident) -> bool:
    """Return whether the incident is in a snapshot: open, or owing something."""
    if incident.dismissed_at is not None:
        return False
    return (
        incident.is_open
        or bool(incident.due)
        or any(action.state is not ActionState.VERIFIED for action in incident.actions)
    )


def time_changes_at(incident: Incident) -> Iterable[datetime]:
    """Yield the instants after which time alone changes its state: it becomes stale, or something overdue."""
    if incident.stale_at is not None:
        yield incident.stale_at
    yield from incident.due.values()
    yield from (action.due_at for action in incident.actions if action.due_at is not None)


def snapshot_at(
    live: Sequence[Incident], totals: Sequence[Total], now: datetime, cap: int, labels: Sequence[str] = ()
) -> Snapshot:
    """Return the snapshot of the live incidents, with at most `cap` entries in each list; without error budgets."""
    opened = [incident for incident in live if incident.stale_at is not None]
    opened.sort(key=lambda incident: (incident.stale_at, incident.id), reverse=True)
    owing = {stage: _owing(live, stage) for stage in Stage}
    actions = [(i.id, action) for i in live for action in i.actions]
    to_do = [(i, a) for i, a in actions if a.state is ActionState.OPEN]
    dated = sorted(((a.due_at, i, a) for i, a in to_do if a.due_at is not None), key=lambda x: x[:2])
    done = [(i, a) for i, a in actions if a.state is ActionState.COMPLETED]
    completed = sorted(((a.completed_at, i, a) for i, a in done if a.completed_at is not None), key=lambda x: x[:2])
    owing_live = {i.id: i for stage in Stage for _, i in owing[stage]}
    due_rows = sorted((_row(i) for i in owing_live.values()), key=lambda row: (min(row.due.values()), row.id))[:cap]
    open_rows = [_row(i) for i in opened[:cap]]
    live_rows = by_turns(open_rows, due_rows)[:cap]
    listed = {i for _, i, _ in (*dated[:cap], *completed[:cap])} - {row.id for row in live_rows}
    live_rows += [_row(i) for i in sorted(live, key=lambda i: i.id) if i.id in listed]
    return Snapshot(
        totals=totals,
        open=dict(Counter((i.severity, i.phase) for i in opened)),
        stale=sum(1 for i in opened if i.stale_at is not None and i.stale_at < now),
        due=dict(Counter((i.severity, stage, due < now) for stage in Stage for due, i in owing[stage])),
        open_rows=open_rows,
        due_rows=due_rows,
        live_rows=live_rows,
        actions=dict(Counter((a.action_type, a.overdue(now)) for _, a in to_do)),
        due_actions=[OutstandingAction(i, a.action_id, a.action_type, at) for at, i, a in dated[:cap]],
        unverified=dict(Counter(a.action_type for _, a in done)),
        unverified_actions=[OutstandingAction(i, a.action_id, a.action_type, at) for at, i, a in completed[:cap]],
        capped={
            "open": max(0, len(opened) - cap),
            "due": max(0, len(owing_live) - cap),
            "live": len({i.id for i in opened} | owing_live.keys()) - sum(map(is_live_row, live_rows)),
            "actions": max(0, len(dated) - cap),
            "unverified": max(0, len(done) - cap),
            "budgets": 0,
        },
        overdue_by_value={label: _overdue_by_value(owing, label, now) for label in labels},
    )


def _overdue_by_value(
    owing: Mapping[Stage, Sequence[tuple[datetime, Incident]]], label: str, now: datetime
) -> Counter[str]:
    due = (pair for pairs in owing.values() for pair in pairs)
    return Counter(incident.dimensions.get(label, NO_VALUE) for due_at, incident in due if due_at < now)


def _owing(live: Sequence[Incident], stage: Stage) -> list[tuple[datetime, Incident]]:
    owing = [(due_at, incident) for incident in live if (due_at := incident.due.get(stage)) is not None]
    return sorted(owing, key=lambda pair: (pair[0], pair[1].id))


def _row(incident: Incident) -> IncidentRow:
    return IncidentRow(
        id=incident.id,
        title=incident.title,
        severity=incident.severity,
        phase=incident.phase,
        types=incident.types,
        milestones=incident.milestones,
        opened_at=incident.deadlines_from,
        last_seen_at=incident.last_seen_at,
        stale_at=incident.stale_at,
        deadlines_from=incident.deadlines_from,
        due=incident.due,
        dimensions=incident.dimensions,
    )
