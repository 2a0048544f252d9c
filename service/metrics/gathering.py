"""The samples of many incidents, by window, severity and dimension: gathered in one pass, then summarized."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

from service.domain.breakdown import Dimension, NamedValues, named_values
from service.domain.incident import Phase
from service.domain.indicators import (
    IndicatorSamples,
    Measured,
    Row,
    deadlines_met,
    intervals,
    is_fresh,
    missing_milestones,
    table,
)
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.domain.unfinished import unfinished
from service.store.budgets import SpentBudget
from service.store.recent import DetectedOnly, MeasuredIncident, UnfinishedIncident

Key = TypeVar("Key", Severity, str)
Values = tuple[str, ...]
"""An incident's value of each dimension, in their order."""


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The incidents of a group that were detected in a window, and how many of them are resolved."""

    incidents: int
    resolved: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The incidents by their values of one dimension, in each window; rows are of all severities together."""

    values: NamedValues
    counts: Mapping[str, Mapping[str, GroupCount]]
    tables: Mapping[str, Mapping[str, Sequence[Row]]]
    budgets: Mapping[str, Mapping[tuple[str, str], float]] = field(default_factory=dict)
    """The share spent of each error budget, by value and objective."""


@dataclass(frozen=True, slots=True)
class _Period:
    """The bands of a window, and those of the window before it."""

    now: Sequence[int]
    before: Sequence[int]


_Banded = tuple[Indicator, int]


class _Group:
    """The incidents of one group, by the band of their detection, from the latest."""

    __slots__ = ("budgets", "fresh", "incidents", "kept", "outside", "resolved", "samples", "unfinished")

    def __init__(self) -> None:
        self.incidents: Counter[int] = Counter()
        self.resolved: Counter[int] = Counter()
        self.samples: dict[_Banded, array[float]] = defaultdict(_samples)
        self.fresh: dict[_Banded, array[float]] = defaultdict(_samples)
        self.kept: dict[_Banded, list[bool]] = defaultdict(list)
        self.outside: Counter[tuple[Indicator, int, bool]] = Counter()
        self.unfinished: Counter[_Banded] = Counter()
        self.budgets: dict[tuple[str, int], float] = defaultdict(float)

    def add(self, other: "_Group") -> None:
        for counts, others in self._counts(other):
            counts.update(others)
        for lists, added in ((self.samples, other.samples), (self.fresh, other.fresh)):
            for key, samples in added.items():
                lists[key].extend(samples)
        for key, kept in other.kept.items():
            self.kept[key].extend(kept)
        for spent, spent_ratio in other.budgets.items():
            self.budgets[spent] += spent_ratio

    def sample(self, measured: Measured, band: int) -> None:
        for indicator, interval in measured.intervals.items():
            self.samples[indicator, band].append(interval.total_seconds())

    def _counts(self, other: "_Group") -> Iterator[tuple[Counter[Any], Counter[Any]]]:
        yield self.incidents, other.incidents
        yield self.resolved, other.resolved
        yield self.outside, other.outside
        yield self.unfinished, other.unfinished

    def ordered(self) -> "_Group":
        """Return the group with its samples in ascending order."""
        for samples in (self.samples, self.fresh):
            for key in samples:
                samples[key] = _samples(sorted(samples[key]))
        return self

    def count(self, period: _Period) -> GroupCount:
        return GroupCount(*(sum(counts[band] for band in period.now) for counts in (self.incidents, self.resolved)))

    def spent(self, period: _Period) -> dict[str, float]:
        """Return the share spent of each budget, by objective."""
        spent: dict[str, float] = defaultdict(float)
        for (slo, band), spent_ratio in self.budgets.items():
            if band in period.now:
                spent[slo] += spent_ratio
        return spent

    def samples_of(self, period: _Period, *, overall: bool, compared: bool = True) -> dict[Indicator, IndicatorSamples]:
        """Return the samples of a window; `overall`: for the targets of all severities together."""
        return {
            i: IndicatorSamples(
                seconds=_merged(self.samples, i, period.now),
                fresh=_merged(self.fresh, i, period.now),
                before=_merged(self.samples, i, period.before) if compared else None,
                kept=[met for band in period.now for met in self.kept.get((i, band), ())],
                outside=sum(self.outside[i, band, overall] for band in period.now),
                unfinished=sum(self.unfinished[i, band] for band in (*period.now, *period.before)),
            )
            for i in Indicator
        }


def _samples(samples: Iterable[float] = ()) -> "array[float]":
    """Return samples without an object for each: there may be a million."""
    return array("d", samples)


def _merged(samples: Mapping[_Banded, Sequence[float]], indicator: Indicator, bands: Iterable[int]) -> Sequence[float]:
    runs = (samples.get((indicator, band), ()) for band in bands)
    return _samples(sorted(chain.from_iterable(runs)))  # which merges ascending runs


class Gathering:
    """Collects the samples of incidents by window, according to their detection.

    `since` maps the name of a window to its beginning, the shortest first; `dimensions` are those of the incidents'
    values. All windows end at `until` (default: now); the window before one ends where it begins, and begins at
    `before_since`, or is as long.
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
    ) -> None:
        self._policy = policy
        self._now = now
        self._until = until or now
        self._before_since = before_since
        self._dimensions = dimensions
        self._fresh_since = now - max(policy.longest_limit(indicator) for indicator in Indicator)
        self._bands = sorted({at for start in since.values() for at in (start, self._before(start))}, reverse=True)
        self._periods = {name: self._period(start) for name, start in since.items()}
        self._cells: dict[tuple[Severity, Values], _Group] = defaultdict(_Group)
        self.visited = 0
        self.outlived = 0
        self.missing: Counter[Milestone] = Counter()
        self.invalid: Counter[Indicator] = Counter()

    def _before(self, start: datetime) -> datetime:
        """Return where the window before one begins."""
        return self._before_since or start - (self._until - start)

    def _period(self, start: datetime) -> _Period:
        first = self._bands.index(start) + 1
        return _Period(range(first), range(first, self._bands.index(self._before(start)) + 1))

    @property
    def bands(self) -> Sequence[datetime]:
        """Return where the bands begin, the latest first; the last one is the beginning of the earliest window."""
        return self._bands

    def visit(self, recent: MeasuredIncident) -> None:
        """Add an incident of the windows that has more milestones than its detection."""
        self.visited += 1
        measured = intervals(recent.milestones, recent.resolution_source, self._policy.resolve_from)
        self.missing.update(missing_milestones(measured, recent.milestones, recent.phase))
        if recent.outlived_at is not None and recent.outlived_at < self._now:
            self.outlived += 1
        self.invalid.update(measured.invalid)
        self._add(recent, measured)

    def visit_before(self, recent: MeasuredIncident) -> None:
        """Add an incident of the window before the longest one."""
        self.visited += 1
        measured = intervals(recent.milestones, recent.resolution_source, self._policy.resolve_from)
        detected_at = recent.milestones.get(Milestone.DETECTED)
        if detected_at is not None:
            self._cells[recent.severity, recent.values].sample(measured, self._band_of(detected_at))

    def _add(self, recent: MeasuredIncident, measured: Measured) -> None:
        milestones = recent.milestones
        detected_at = milestones.get(Milestone.DETECTED)
        if detected_at is None:
            return
        band = self._band_of(detected_at)
        cell = self._cells[recent.severity, recent.values]
        cell.incidents[band] += 1
        cell.resolved[band] += recent.phase is Phase.RESOLVED
        cell.sample(measured, band)
        for indicator, met in deadlines_met(measured, milestones, recent.severity, self._policy).items():
            cell.kept[indicator, band].append(met)
        if max(detected_at, milestones.get(Milestone.STARTED, detected_at)) >= self._fresh_since:
            fresh = (i for i in measured.intervals if is_fresh(i, milestones, self._policy, self._now))
            for indicator in fresh:
                cell.fresh[indicator, band].append(measured.intervals[indicator].total_seconds())

    def _band_of(self, detected_at: datetime) -> int:
        return next(i for i, since in enumerate(self._bands) if detected_at > since)

    def visit_unfinished(self, incident: UnfinishedIncident) -> None:
        """Add what an incident that is open, or owes its postmortem, has not reached yet."""
        milestones, band = incident.milestones, self._band_of(incident.milestones[Milestone.DETECTED])
        cell = self._cells[incident.severity, incident.values]
        for interval in unfinished(
            milestones,
            is_open=incident.is_open,
            owed=incident.owed,
            severity=incident.severity,
            policy=self._policy,
            now=self._now,
        ):
            cell.outside[interval.indicator, band, True] += interval.overall
            cell.outside[interval.indicator, band, False] += interval.severity
            cell.unfinished[interval.indicator, band] += interval.longest

    def add_detected_only(self, counts: Iterable[DetectedOnly]) -> None:
        """Add the numbers of incidents that have no other milestone yet, by band."""
        for count in counts:
            cell = self._cells[count.severity, count.values]
            for i, (number, later) in enumerate(zip(count.numbers, (0, *count.numbers), strict=False)):
                cell.incidents[i] += number - later
                cell.resolved[i] += (number - later) * (count.phase is Phase.RESOLVED)

    def add_budgets(self, spent: Iterable[SpentBudget]) -> None:
        """Add what incidents spent of the error budgets."""
        for budget in spent:
            cell = self._cells[budget.severity, budget.values]
            cell.budgets[budget.slo, self._band_of(budget.detected_at)] += budget.spent_ratio

    def tables(self, *, compared: bool = True) -> dict[str, list[Row]]:
        """Return the table of each window, of all severities together and of each; `compared` with those before."""
        groups = self._grouped(lambda severity, _: severity)
        together = _Group()
        for group in groups.values():
            together.add(group)
        together.ordered()
        return {window: self._table(together, groups, p, compared=compared) for window, p in self._periods.items()}

    def _table(
        self, together: _Group, groups: Mapping[Severity, _Group], period: _Period, *, compared: bool
    ) -> list[Row]:
        samples: dict[Severity | None, Mapping[Indicator, IndicatorSamples]] = {
            None: together.samples_of(period, overall=True, compared=compared)
        }
        samples |= {s: group.samples_of(period, overall=False, compared=compared) for s, group in groups.items()}
        return table(samples, self._policy)

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
        return Breakdown(
            named,
            {w: {value: group.count(p) for value, group in groups.items()} for w, p in self._periods.items()},
            {w: {v: self._rows(g, p) for v, g in groups.items()} for w, p in self._periods.items()},
            {
                window: {
                    (value, slo): ratio for value, group in groups.items() for slo, ratio in group.spent(p).items()
                }
                for window, p in self._periods.items()
            },
        )

    def _named_values(self, index: int) -> NamedValues:
        frequencies: Counter[str] = Counter()
        longest = list(self._periods.values())[-1]
        for (_, values), cell in self._cells.items():
            if number := cell.count(longest).incidents:
                frequencies[values[index]] += number
        return named_values(frequencies, self._dimensions[index])

    def _rows(self, group: _Group, period: _Period) -> list[Row]:
        return table({None: group.samples_of(period, overall=True, compared=False)}, self._policy)

    def _grouped(self, group_of: Callable[[Severity, Values], Key]) -> dict[Key, _Group]:
        """Return the groups by their keys, in ascending order."""
        groups: dict[Key, _Group] = defaultdict(_Group)
        for (severity, values), cell in self._cells.items():
            groups[group_of(severity, values)].add(cell)
        return {key: groups[key].ordered() for key in sorted(groups)}
