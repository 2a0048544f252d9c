"""The statistics over windows as time passes: only what an incident changes is recomputed."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

from service.domain.breakdown import NO_VALUE, Dimension, named_values
from service.domain.checks import Check
from service.domain.done import failed_checks
from service.domain.incident import Incident, Phase
from service.domain.indicators import (
    IndicatorSamples,
    Measured,
    Row,
    began_at,
    deadlines_met,
    is_fresh,
    measure,
    missing_milestones,
    row_of,
    table,
)
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.domain.unfinished import Unfinished, unfinished
from service.metrics.gathering import Breakdown, GroupStatistics
from service.metrics.groups import GroupCount
from service.metrics.measurements import Statistics
from service.store.recent import PostmortemCounts
from service.store.types import MICROSECOND

_Group = Severity | tuple[str, str] | None
"""All incidents together, those of a severity, or those of a value of a dimension, by its label."""
_Key = tuple[str, Indicator, _Group]


@dataclass(frozen=True, slots=True)
class _Contribution:
    """What one incident contributes to the windows at some instant."""

    severity: Severity
    samples: Mapping[Indicator, float] = field(default_factory=dict)
    fresh: tuple[Indicator, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    windows: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    resolved: bool = False
    missing: tuple[Milestone, ...] = ()
    invalid: tuple[Indicator, ...] = ()
    kept: Mapping[Indicator, bool] = field(default_factory=dict)
    outlived: bool = False
    failed: tuple[Check, ...] = ()
    verified: tuple[str, ...] = ()


class _Samples:
    """The samples of one indicator of a group in a window, as incidents come and go."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.fresh: list[float] = []
        self.before: list[float] = []
        self.kept: Counter[bool] = Counter()
        self.outside = 0
        self.unfinished = 0

    def of_window(self, *, compared: bool) -> IndicatorSamples:
        return IndicatorSamples(
            self.seconds,
            self.fresh,
            self.before if compared else None,
            list(self.kept.elements()),
            self.outside,
            self.unfinished,
        )


def _change(samples: list[float], seconds: float, sign: int) -> None:
    if sign > 0:
        insort(samples, seconds)
    else:
        del samples[bisect_left(samples, seconds)]


class Windows:
    """The statistics of one instant; `put` updates an incident, `statistics` returns those of all."""

    def __init__(self, policy: Policy, windows: Mapping[str, timedelta]) -> None:
        self._policy = policy
        self._windows = windows
        self._longest = max(windows.values())
        self._contributions: dict[int, _Contribution] = {}
        self._samples: dict[_Key, _Samples] = defaultdict(_Samples)
        self._rows: dict[_Key, Row | None] = {}
        self._outdated: set[_Key] = set()
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
        if contribution.windows or contribution.before or contribution.verified:
            self._contributions[incident.id] = contribution
        else:
            self._contributions.pop(incident.id, None)
        return True

    def leaves_at(self, incident: Incident, began_at: datetime) -> Iterable[datetime]:
        """Return when time alone will change its contribution."""
        detected_at = incident.milestones.get(Milestone.DETECTED, began_at)
        yield from (detected_at + times * length for length in self._windows.values() for times in (1, 2))
        yield from (
            began + limit + MICROSECOND
            for indicator, began in self._clocks(incident)
            for limit in self._policy.limits(indicator)
        )
        if incident.outlived_at is not None:
            yield incident.outlived_at
        yield from (action.verified_at + self._longest for action in incident.actions if action.verified_at is not None)

    def statistics(self) -> Statistics:
        """Return the statistics of all incidents."""
        for key in self._outdated:
            self._rows[key] = self._row(key)
        self._outdated.clear()
        groups = {severity: GroupStatistics(self._tables(severity)) for severity in (None, *Severity)}
        postmortems = PostmortemCounts(dict(self._verified), dict(self._failed))
        breakdowns = {d.label: b for d in self._policy.breakdown if (b := self._breakdown(d)) is not None}
        return Statistics(
            groups, breakdowns, dict(self._missing), dict(self._invalid), self._outlived, postmortems, 0.0
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
        return Breakdown(named, {name: self._of_values(dimension.label, values) for name, values in members.items()})

    def _of_values(self, label: str, values: Sequence[str]) -> GroupStatistics:
        """Return the statistics of values that are counted together."""
        if len(values) == 1:
            tables = self._tables((label, values[0]))
        else:
            tables = {
                window: self._merged_table(window, [(label, value) for value in values]) for window in self._windows
            }
        return GroupStatistics(tables, {window: self._count_of(window, label, values) for window in self._windows})

    def _tables(self, group: _Group) -> dict[str, list[Row]]:
        """Return the rows of a group by window, as they were computed last."""
        return {
            window: [row for i in Indicator if (row := self._rows.get((window, i, group))) is not None]
            for window in self._windows
        }

    def _count_of(self, window: str, label: str, values: Iterable[str]) -> GroupCount:
        keys = [(window, label, value) for value in values]
        return GroupCount(sum(self._incidents[key] for key in keys), sum(self._resolved[key] for key in keys))

    def _merged_table(self, window: str, groups: Sequence[_Group]) -> list[Row]:
        merged = {i: self._merged([(window, i, group) for group in groups]) for i in Indicator}
        return table({None: merged}, self._policy)

    def _merged(self, keys: Iterable[_Key]) -> IndicatorSamples:
        samples = [self._samples[key] for key in keys if key in self._samples]
        return IndicatorSamples(
            seconds=sorted(chain.from_iterable(s.seconds for s in samples)),
            kept=[met for s in samples for met in s.kept.elements()],
            outside=sum(s.outside for s in samples),
        )

    def _contribution(self, incident: Incident, began_at: datetime, now: datetime) -> _Contribution:
        dismissed = incident.phase is Phase.DISMISSED
        detected_at = incident.milestones.get(Milestone.DETECTED)
        detected_or_began_at = detected_at or began_at
        verified = tuple(
            action.action_type
            for action in incident.actions
            if action.verified_at is not None and action.verified_at > now - self._longest and not dismissed
        )
        windows = tuple(name for name, length in self._windows.items() if detected_or_began_at > now - length)
        before = tuple(
            name for name, length in self._windows.items() if now - length >= detected_or_began_at > now - 2 * length
        )
        if dismissed or not (windows or before):
            return _Contribution(incident.severity, verified=verified)
        measured = measure(incident, self._policy)
        contribution = _Contribution(incident.severity, windows=windows, verified=verified)
        if detected_at is not None:
            contribution = replace(
                contribution,
                samples={i: interval.total_seconds() for i, interval in measured.intervals.items()},
                fresh=tuple(i for i in measured.intervals if is_fresh(i, incident.milestones, self._policy, now)),
                unfinished=self._unfinished(incident, now),
                before=before,
                values=self._values_of(incident),
            )
        return self._with_problems(contribution, incident, measured, now) if windows else contribution

    def _unfinished(self, incident: Incident, now: datetime) -> tuple[Unfinished, ...]:
        """Return the intervals that have passed a limit."""
        intervals = unfinished(
            incident.milestones,
            is_open=incident.is_open,
            owed=incident.due,
            severity=incident.severity,
            policy=self._policy,
            now=now,
        )
        return tuple(i for i in intervals if i.overall or i.severity or i.longest)

    def _with_problems(
        self, contribution: _Contribution, incident: Incident, measured: Measured, now: datetime
    ) -> _Contribution:
        late = any(deadline.overdue(now) for deadline in incident.deadlines)
        return replace(
            contribution,
            resolved=incident.phase is Phase.RESOLVED,
            missing=missing_milestones(measured, incident.milestones, incident.phase),
            invalid=measured.invalid,
            kept=deadlines_met(measured, incident.milestones, incident.severity, self._policy),
            outlived=incident.outlived_at is not None and incident.outlived_at < now,
            failed=tuple(dict.fromkeys((*([Check.DEADLINE] if late else []), *failed_checks(incident)))),
        )

    def _clocks(self, incident: Incident) -> Iterable[tuple[Indicator, datetime]]:
        """Yield the intervals that began and may pass a limit, or stop being fresh, and when they began."""
        for indicator in Indicator:
            began = began_at(indicator, incident.milestones, self._policy)
            if began is not None:
                yield indicator, began

    def _values_of(self, incident: Incident) -> tuple[tuple[str, str], ...]:
        labels = (dimension.label for dimension in self._policy.breakdown)
        return tuple((label, incident.dimensions.get(label, NO_VALUE)) for label in labels)

    def _count(self, contribution: _Contribution, sign: int) -> None:
        for name in contribution.windows:
            for label, value in contribution.values:
                self._incidents[name, label, value] += sign
                self._resolved[name, label, value] += sign * contribution.resolved
            self._count_samples(name, contribution, sign, before=False)
        for name in contribution.before:
            self._count_samples(name, contribution, sign, before=True)
        self._outlived += sign if contribution.outlived else 0
        for m in contribution.missing:
            self._missing[m] += sign
        for i in contribution.invalid:
            self._invalid[i] += sign
        for check in contribution.failed:
            self._failed[contribution.severity, check] += sign
        for action_type in contribution.verified:
            self._verified[action_type] += sign

    def _count_samples(self, window: str, contribution: _Contribution, sign: int, *, before: bool) -> None:
        for group in (None, contribution.severity, *contribution.values):
            for indicator, seconds in contribution.samples.items():
                samples = self._changed(window, indicator, group)
                _change(samples.before if before else samples.seconds, seconds, sign)
                if before:
                    continue
                if indicator in contribution.fresh:
                    _change(samples.fresh, seconds, sign)
                if indicator in contribution.kept:
                    samples.kept[contribution.kept[indicator]] += sign
            for interval in contribution.unfinished:
                samples = self._changed(window, interval.indicator, group)
                is_outside = interval.severity if isinstance(group, Severity) else interval.overall
                samples.outside += sign * (is_outside and not before)
                samples.unfinished += sign * interval.longest

    def _changed(self, window: str, indicator: Indicator, group: _Group) -> _Samples:
        self._outdated.add((window, indicator, group))
        return self._samples[window, indicator, group]

    def _row(self, key: _Key) -> Row | None:
        _, indicator, group = key
        severity = group if isinstance(group, Severity) else None
        samples = self._samples[key].of_window(compared=not isinstance(group, tuple))
        return row_of(indicator, severity, samples, self._policy)
