"""The statistics over windows as time passes: only what an incident changes is recomputed."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.domain.checks import Check
from service.domain.done import failed_checks
from service.domain.incident import Incident, Phase
from service.domain.indicators import LEAD_TIMES, Row, measure, met_deadline, summarize, within_ratio
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.metrics.measurements import NEEDED, Statistics
from service.store.recent import PostmortemCounts

_Key = tuple[str, Indicator, Severity | None]


@dataclass(frozen=True, slots=True)
class _Contribution:
    """What one incident contributes to the windows at some instant."""

    severity: Severity
    samples: Mapping[Indicator, float] = field(default_factory=dict)
    windows: tuple[str, ...] = ()
    missing: tuple[Milestone, ...] = ()
    invalid: tuple[Indicator, ...] = ()
    kept: Mapping[Indicator, bool] = field(default_factory=dict)
    outlived: bool = False
    failed: tuple[Check, ...] = ()
    verified: tuple[str, ...] = ()


class Windows:
    """The statistics of one instant; `put` updates an incident, `statistics` returns those of all."""

    def __init__(self, policy: Policy, windows: Mapping[str, timedelta]) -> None:
        self._policy = policy
        self._windows = windows
        self._longest = max(windows.values())
        self._contributions: dict[int, _Contribution] = {}
        self._samples: dict[_Key, list[float]] = {
            (name, indicator, severity): []
            for name in windows
            for indicator in Indicator
            for severity in (None, *Severity)
        }
        self._rows: dict[_Key, Row | None] = dict.fromkeys(self._samples)
        self._outdated: set[_Key] = set()
        self._kept: Counter[tuple[_Key, bool]] = Counter()
        self._outlived = 0
        self._missing: Counter[Milestone] = Counter()
        self._invalid: Counter[Indicator] = Counter()
        self._failed: Counter[tuple[Severity, Check]] = Counter()
        self._verified: Counter[str] = Counter()

    def put(self, incident: Incident, began_at: datetime, now: datetime) -> bool:
        """Set the state of an incident at `now`; return whether that changes anything."""
        before, contribution = self._contributions.get(incident.id), self._contribution(incident, began_at, now)
        if contribution == before:
            return False
        if before is not None:
            self._count(before, -1)
        self._count(contribution, 1)
        if contribution.windows or contribution.verified:
            self._contributions[incident.id] = contribution
        else:
            self._contributions.pop(incident.id, None)
        return True

    def leaves_at(self, incident: Incident, began_at: datetime) -> Iterable[datetime]:
        """Return when time alone will change its contribution."""
        detected_at = incident.milestones.get(Milestone.DETECTED, began_at)
        yield from (detected_at + length for length in self._windows.values())
        if incident.outlived_at is not None:
            yield incident.outlived_at
        yield from (action.verified_at + self._longest for action in incident.actions if action.verified_at is not None)

    def statistics(self) -> Statistics:
        """Return the statistics of all incidents."""
        for key in self._outdated:
            self._rows[key] = self._row(key)
        self._outdated.clear()
        tables: dict[str, Sequence[Row]] = {name: [] for name in self._windows}
        for name in tables:
            rows = (self._rows[name, i, s] for i in Indicator for s in (None, *sorted(Severity)))
            tables[name] = [row for row in rows if row is not None]
        postmortems = PostmortemCounts(dict(self._verified), dict(self._failed))
        return Statistics(tables, dict(self._missing), dict(self._invalid), self._outlived, postmortems, 0.0)

    def _contribution(self, incident: Incident, began_at: datetime, now: datetime) -> _Contribution:
        dismissed = incident.phase is Phase.DISMISSED
        detected_at = incident.milestones.get(Milestone.DETECTED)
        detected_or_began_at = detected_at or began_at
        verified = tuple(
            action.action_type
            for action in incident.actions
            if action.verified_at is not None and action.verified_at > now - self._longest and not dismissed
        )
        if dismissed or detected_or_began_at <= now - self._longest:
            return _Contribution(incident.severity, verified=verified)
        measured = measure(incident, self._policy)
        within = tuple(name for name, length in self._windows.items() if detected_or_began_at > now - length)
        resolved = incident.phase is Phase.RESOLVED
        late = any(deadline.overdue(now) for deadline in incident.deadlines)
        return _Contribution(
            severity=incident.severity,
            samples={i: interval.total_seconds() for i, interval in measured.intervals.items()} if detected_at else {},
            windows=within,
            missing=tuple(m for m in NEEDED if resolved and (m not in incident.milestones or m in measured.late)),
            invalid=measured.invalid,
            kept={
                i: met
                for i in LEAD_TIMES
                if i in measured.intervals
                and (met := met_deadline(i, incident.milestones, incident.severity, self._policy)) is not None
            },
            outlived=incident.outlived_at is not None and incident.outlived_at < now,
            failed=tuple(dict.fromkeys((*([Check.DEADLINE] if late else []), *failed_checks(incident)))),
            verified=verified,
        )

    def _count(self, contribution: _Contribution, sign: int) -> None:
        for name in contribution.windows:
            for indicator, seconds in contribution.samples.items():
                for severity in (None, contribution.severity):
                    key = (name, indicator, severity)
                    samples = self._samples[key]
                    if sign > 0:
                        insort(samples, seconds)
                    else:
                        del samples[bisect_left(samples, seconds)]
                    if indicator in contribution.kept:
                        self._kept[key, contribution.kept[indicator]] += sign
                    self._outdated.add(key)
        self._outlived += sign if contribution.outlived else 0
        for m in contribution.missing:
            self._missing[m] += sign
        for i in contribution.invalid:
            self._invalid[i] += sign
        for check in contribution.failed:
            self._failed[contribution.severity, check] += sign
        for action_type in contribution.verified:
            self._verified[action_type] += sign

    def _row(self, key: _Key) -> Row | None:
        _, indicator, severity = key
        samples = self._samples[key]
        summary = summarize(samples)
        if summary is None:
            return None
        target = self._policy.target(indicator, severity)
        if indicator in LEAD_TIMES:
            met, missed = self._kept[key, True], self._kept[key, False]
            return Row(indicator, severity, summary, target, met / (met + missed) if met + missed else None)
        return Row(indicator, severity, summary, target, within_ratio(samples, target.limit) if target else None)
