"""The samples of many incidents, by window, severity and dimension: gathered in one pass, then summarized."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from typing import TypeVar

from service.domain.breakdown import Dimension, NamedValues, named_values
from service.domain.incident import Phase
from service.domain.indicators import (
    Row,
    deadlines_met,
    intervals,
    is_fresh,
    missing_milestones,
    table,
)
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.domain.unfinished import Running, running
from service.metrics.groups import Bands, Cell, Group, GroupCount
from service.metrics.kept import Kept
from service.store.budgets import SpentBudget
from service.store.incidents import REMEMBERED
from service.store.recent import DetectedOnly, MeasuredIncident, UnfinishedIncident

Key = TypeVar("Key", Severity, str)
Values = tuple[str, ...]
"""An incident's value of each dimension, in their order."""


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """The indicators of a group of incidents in each window; of those with a value of a dimension also their numbers.

    `budgets` are the shares spent of error budgets, by objective.
    """

    tables: Mapping[str, Sequence[Row]]
    counts: Mapping[str, GroupCount] = field(default_factory=dict)
    budgets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The incidents by their values of one dimension; rows are of all severities together."""

    values: NamedValues
    groups: Mapping[str, GroupStatistics]


def table_of(groups: Mapping[Severity | None, GroupStatistics], window: str) -> list[Row]:
    """Return the rows of a window by indicator, of all severities together (None) and of each."""
    rows = [row for group in groups.values() for row in group.tables[window]]
    return [row for indicator in Indicator for row in rows if row.indicator is indicator]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is measured of an incident, whatever the time: its samples in seconds, and whether lead times are kept."""

    samples: Mapping[Indicator, float]
    kept: Mapping[Indicator, bool]
    missing: tuple[Milestone, ...]
    invalid: tuple[Indicator, ...]


def _facts_of(policy: Policy, incident: MeasuredIncident) -> _Facts:
    milestones = incident.milestones
    measured = intervals(milestones, incident.resolution_source, policy.resolve_from)
    return _Facts(
        {indicator: interval.total_seconds() for indicator, interval in measured.intervals.items()},
        deadlines_met(measured, milestones, incident.severity, policy),
        missing_milestones(measured, milestones, incident.phase),
        measured.invalid,
    )


def _running_in(policy: Policy, incident: UnfinishedIncident) -> tuple[Running, ...]:
    owed, severity = incident.owed, incident.severity
    return tuple(running(incident.milestones, is_open=incident.is_open, owed=owed, severity=severity, policy=policy))


class KeptStatistics:
    """What the last statistics were made of: what is measured of incidents, and the statistics of groups."""

    def __init__(self, policy: Policy) -> None:
        self.facts_of = lru_cache(REMEMBERED)(partial(_facts_of, policy))
        self.running_in = lru_cache(REMEMBERED)(partial(_running_in, policy))
        self.severities: Kept[Severity | None, Group, GroupStatistics] = Kept()
        self.values: dict[str, Kept[str, Group, GroupStatistics]] = defaultdict(Kept)


class Gathering:
    """Collects the samples of incidents by window, according to their detection.

    `since` maps the name of a window to its beginning, the shortest first; `dimensions` are those of the incidents'
    values. All windows end at `until` (default: now); the window before one ends where it begins, and begins at
    `before_since`, or is as long. What `kept` has of an incident or of an equal group is not computed again; it is of
    the same windows.
    """

    def __init__(
        self,
        policy: Policy,
        since: Mapping[str, datetime],
        now: datetime,
        dimensions: Sequence[Dimension] = (),
        *,
        until: datetime | None = None,
        before_since: datetime | None = None,
        kept: KeptStatistics | None = None,
    ) -> None:
        self._policy = policy
        self._kept = kept or KeptStatistics(policy)
        self._now = now
        self._until = until or now
        self._before_since = before_since
        self._dimensions = dimensions
        self._fresh_since = now - max(policy.longest_limit(indicator) for indicator in Indicator)
        self._bands = sorted({at for start in since.values() for at in (start, self._before(start))}, reverse=True)
        self._windows = {name: self._bands_of(start) for name, start in since.items()}
        self._groups: dict[tuple[Severity, Values], Group] = defaultdict(Group)
        self.visited = 0
        self.outlived = 0
        self.missing: Counter[Milestone] = Counter()
        self.invalid: Counter[Indicator] = Counter()

    def _before(self, start: datetime) -> datetime:
        """Return where the window before one begins."""
        return self._before_since or start - (self._until - start)

    def _bands_of(self, start: datetime) -> Bands:
        first = self._bands.index(start) + 1
        return Bands(range(first), range(first, self._bands.index(self._before(start)) + 1))

    @property
    def bands(self) -> Sequence[datetime]:
        """Return where the bands begin, the latest first; the last one is the beginning of the earliest window."""
        return self._bands

    def visit(self, recent: MeasuredIncident) -> None:
        """Add an incident of the windows that has more milestones than its detection."""
        self.visited += 1
        facts = self._kept.facts_of(recent)
        for milestone in facts.missing:
            self.missing[milestone] += 1
        for indicator in facts.invalid:
            self.invalid[indicator] += 1
        if recent.outlived_at is not None and recent.outlived_at < self._now:
            self.outlived += 1
        if Milestone.DETECTED in recent.milestones:
            self._add(recent, facts)

    def visit_before(self, recent: MeasuredIncident) -> None:
        """Add an incident of the window before the longest one."""
        self.visited += 1
        if Milestone.DETECTED in recent.milestones:
            self._cell_of(recent).sample(self._kept.facts_of(recent).samples)

    def _add(self, recent: MeasuredIncident, facts: _Facts) -> None:
        milestones, cell = recent.milestones, self._cell_of(recent)
        cell.incidents += 1
        cell.resolved += recent.phase is Phase.RESOLVED
        cell.sample(facts.samples)
        for indicator, met in facts.kept.items():
            cell.kept[indicator].append(met)
        detected_at = milestones[Milestone.DETECTED]
        if max(detected_at, milestones.get(Milestone.STARTED, detected_at)) >= self._fresh_since:
            for indicator, seconds in facts.samples.items():
                if is_fresh(indicator, milestones, self._policy, self._now):
                    cell.fresh[indicator].append(seconds)

    def _cell_of(self, incident: MeasuredIncident | UnfinishedIncident) -> Cell:
        """Return the cell of an incident whose detection is known."""
        band = self._band_of(incident.milestones[Milestone.DETECTED])
        return self._groups[incident.severity, incident.values].cells[band]

    def _band_of(self, detected_at: datetime) -> int:
        return next(i for i, since in enumerate(self._bands) if detected_at > since)

    def visit_unfinished(self, incident: UnfinishedIncident) -> None:
        """Add what an incident that is open, or owes its postmortem, has not reached yet."""
        cell, now = self._cell_of(incident), self._now
        for interval in self._kept.running_in(incident):
            cell.outside[interval.indicator, True] += now > interval.overall_until
            cell.outside[interval.indicator, False] += now > interval.severity_until
            cell.unfinished[interval.indicator] += now > interval.longest_until

    def add_detected_only(self, counts: Iterable[DetectedOnly]) -> None:
        """Add the numbers of incidents that have no other milestone yet, by band."""
        for count in counts:
            cells = self._groups[count.severity, count.values].cells
            for i, (number, later) in enumerate(zip(count.numbers, (0, *count.numbers), strict=False)):
                if number > later:
                    cells[i].incidents += number - later
                    cells[i].resolved += (number - later) * (count.phase is Phase.RESOLVED)

    def add_budgets(self, spent: Iterable[SpentBudget]) -> None:
        """Add what incidents spent of the error budgets."""
        for budget in spent:
            cells = self._groups[budget.severity, budget.values].cells
            cells[self._band_of(budget.detected_at)].budgets[budget.slo] += budget.spent_ratio

    def groups(self, *, compared: bool = True) -> dict[Severity | None, GroupStatistics]:
        """Return the statistics of all severities together (None) and of each; `compared` with the windows before."""
        by_severity = self._grouped(lambda severity, _: severity)
        together = Group()
        for group in by_severity.values():
            together.add(group)

        def of_severity(severity: Severity | None, group: Group) -> GroupStatistics:
            return GroupStatistics(
                {w: self._table(severity, group, bands, compared=compared) for w, bands in self._windows.items()}
            )

        groups = chain([(None, together.ordered())], by_severity.items())
        return self._kept.severities.all_of(groups, of_severity)

    def _table(self, severity: Severity | None, group: Group, bands: Bands, *, compared: bool) -> list[Row]:
        samples = group.samples_of(bands, overall=severity is None, compared=compared)
        return table({severity: samples}, self._policy)

    def breakdowns(self) -> dict[str, Breakdown]:
        """Return the breakdown by each dimension that an incident has a value of, by its label."""
        named = [self._named_values(index) for index in range(len(self._dimensions))]
        return {
            dimension.label: self._breakdown(index, values)
            for index, (dimension, values) in enumerate(zip(self._dimensions, named, strict=True))
            if values.names or values.folded
        }

    def breakdown(self, label: str) -> Breakdown:
        """Return the breakdown by one dimension."""
        index = [dimension.label for dimension in self._dimensions].index(label)
        return self._breakdown(index, self._named_values(index))

    def _breakdown(self, index: int, named: NamedValues) -> Breakdown:
        groups = self._grouped(lambda _, values: named.name_of(values[index]))
        kept = self._kept.values[self._dimensions[index].label]
        return Breakdown(named, kept.all_of(groups.items(), self._of_value))

    def _of_value(self, _: str, group: Group) -> GroupStatistics:
        return GroupStatistics(
            {window: self._table(None, group, bands, compared=False) for window, bands in self._windows.items()},
            {window: group.count(bands) for window, bands in self._windows.items()},
            {window: group.spent(bands) for window, bands in self._windows.items()},
        )

    def _named_values(self, index: int) -> NamedValues:
        frequencies: Counter[str] = Counter()
        longest = list(self._windows.values())[-1]
        for (_, values), group in self._groups.items():
            if number := group.count(longest).incidents:
                frequencies[values[index]] += number
        return named_values(frequencies, self._dimensions[index])

    def _grouped(self, group_of: Callable[[Severity, Values], Key]) -> dict[Key, Group]:
        """Return the groups by their keys, in ascending order."""
        groups: dict[Key, Group] = defaultdict(Group)
        for (severity, values), group in self._groups.items():
            groups[group_of(severity, values)].add(group)
        return {key: groups[key].ordered() for key in sorted(groups)}
