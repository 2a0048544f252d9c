"""The statistics over windows as time passes: only what an incident changes is recomputed."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, product

from service.domain.breakdown import NO_VALUE, Dimension, named_values
from service.domain.checks import Check
from service.domain.done import failed_checks
from service.domain.incident import Incident, Phase
from service.domain.indicators import LEAD_TIMES, Row, measure, met_deadline, overall, row_of
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.metrics.gathering import NEEDED, Breakdown, GroupCount
from service.metrics.measurements import Statistics
from service.store.recent import PostmortemCounts

_Group = Severity | tuple[str, str] | None
"""All incidents together, those of a severity, or those of a value of a dimension, by its label."""
_Key = tuple[str, Indicator, _Group]


@dataclass(frozen=True, slots=True)
class _Contribution:
    """What one incident contributes to the windows at some instant."""

    severity: Severity
    samples: Mapping[Indicator, float] = field(default_factory=dict)
    windows: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    resolved: bool = False
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
        self._samples: dict[_Key, list[float]] = defaultdict(list)
        self._rows: dict[_Key, Row | None] = {}
        self._outdated: set[_Key] = set()
        self._kept: Counter[tuple[_Key, bool]] = Counter()
        self._incidents: Counter[tuple[str, str, str]] = Counter()
        self._resolved: Counter[tuple[str, str, str]] = Counter()
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
            rows = (self._rows.get((name, i, s)) for i in Indicator for s in (None, *sorted(Severity)))
            tables[name] = [row for row in rows if row is not None]
        postmortems = PostmortemCounts(dict(self._verified), dict(self._failed))
        breakdowns = {d.label: b for d in self._policy.breakdown if (b := self._breakdown(d)) is not None}
        return Statistics(
            tables, breakdowns, dict(self._missing), dict(self._invalid), self._outlived, postmortems, 0.0
        )

    def _breakdown(self, dimension: Dimension) -> Breakdown | None:
        """Return the breakdown by a dimension, None if no incident has a value of it."""
        longest = max(self._windows, key=lambda name: self._windows[name])
        of = (longest, dimension.label)
        frequencies = {key[2]: number for key, number in self._incidents.items() if key[:2] == of and number}
        named = named_values(frequencies, dimension)
        if not named.names and not named.folded:
            return None
        members: dict[str, list[str]] = defaultdict(list)
        for value in frequencies:
            members[named.name_of(value)].append(value)
        return Breakdown(
            named,
            {w: {n: self._count_of(w, dimension.label, members[n]) for n in members} for w in self._windows},
            {w: {n: self._table_of(w, dimension.label, members[n]) for n in members} for w in self._windows},
        )

    def _count_of(self, window: str, label: str, values: Iterable[str]) -> GroupCount:
        keys = [(window, label, value) for value in values]
        return GroupCount(sum(self._incidents[key] for key in keys), sum(self._resolved[key] for key in keys))

    def _table_of(self, window: str, label: str, values: Sequence[str]) -> list[Row]:
        """Return the rows of values that are counted together; of one alone, those computed last."""
        if len(values) == 1:
            rows = (self._rows.get((window, indicator, (label, values[0]))) for indicator in Indicator)
            return [row for row in rows if row is not None]
        groups = [(label, value) for value in values]
        samples = {i: [s for g in groups for s in self._samples.get((window, i, g), ())] for i in Indicator}
        kept = {i: list(chain.from_iterable(self._kept_of((window, i, g)) for g in groups)) for i in LEAD_TIMES}
        return overall(samples, kept, self._policy)

    def _kept_of(self, key: _Key) -> list[bool]:
        return [met for met in (True, False) for _ in range(self._kept[key, met])]

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
            values=self._values_of(incident) if detected_at else (),
            resolved=resolved,
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

    def _values_of(self, incident: Incident) -> tuple[tuple[str, str], ...]:
        labels = (dimension.label for dimension in self._policy.breakdown)
        return tuple((label, incident.dimensions.get(label, NO_VALUE)) for label in labels)

    def _count(self, contribution: _Contribution, sign: int) -> None:
        for name in contribution.windows:
            for label, value in contribution.values:
                self._incidents[name, label, value] += sign
                self._resolved[name, label, value] += sign * contribution.resolved
            self._count_samples(name, contribution, sign)
        self._outlived += sign if contribution.outlived else 0
        for m in contribution.missing:
            self._missing[m] += sign
        for i in contribution.invalid:
            self._invalid[i] += sign
        for check in contribution.failed:
            self._failed[contribution.severity, check] += sign
        for action_type in contribution.verified:
            self._verified[action_type] += sign

    def _count_samples(self, window: str, contribution: _Contribution, sign: int) -> None:
        groups: tuple[_Group, ...] = (None, contribution.severity, *contribution.values)
        for key in product((window,), contribution.samples, groups):
            samples, seconds = self._samples[key], contribution.samples[key[1]]
            if sign > 0:
                insort(samples, seconds)
            else:
                del samples[bisect_left(samples, seconds)]
            if key[1] in contribution.kept:
                self._kept[key, contribution.kept[key[1]]] += sign
            self._outdated.add(key)

    def _row(self, key: _Key) -> Row | None:
        _, indicator, group = key
        severity = group if isinstance(group, Severity) else None
        return row_of(indicator, severity, self._samples[key], self._kept_of(key), self._policy)
