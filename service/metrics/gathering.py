"""The samples of many incidents, by window, severity and dimension: gathered in one pass, then summarized."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, pairwise
from typing import TypeVar

from service.domain.breakdown import Dimension, NamedValues, named_values
from service.domain.incident import Phase
from service.domain.indicators import LEAD_TIMES, Row, intervals, met_deadline, overall, table
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.store.recent import DetectedOnly, MeasuredIncident

NEEDED = (Milestone.STARTED, Milestone.DETECTED, Milestone.ACKNOWLEDGED, Milestone.MITIGATED)
"""The milestones that a resolved incident should have; later ones have deadlines instead."""
T = TypeVar("T")
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

    @property
    def is_empty(self) -> bool:
        """Return whether no incident has a value."""
        return not self.values.names and not self.values.folded


class _Group:
    """The incidents of one group, by the shortest window that has them: the longer ones have them too."""

    __slots__ = ("incidents", "kept", "resolved", "samples")

    def __init__(self, windows: int) -> None:
        self.incidents = [0] * windows
        self.resolved = [0] * windows
        self.samples: dict[Indicator, list[list[float]]] = {i: [[] for _ in range(windows)] for i in Indicator}
        self.kept: dict[Indicator, list[list[bool]]] = {i: [[] for _ in range(windows)] for i in LEAD_TIMES}

    def add(self, other: "_Group") -> None:
        self.incidents = [a + b for a, b in zip(self.incidents, other.incidents, strict=True)]
        self.resolved = [a + b for a, b in zip(self.resolved, other.resolved, strict=True)]
        for indicator, bands in self.samples.items():
            _extend(bands, other.samples[indicator])
        for indicator, kept in self.kept.items():
            _extend(kept, other.kept[indicator])

    def widened(self) -> "_Group":
        """Return the group after each window got what the shorter ones have; samples are in ascending order."""
        self.incidents, self.resolved = list(accumulate(self.incidents)), list(accumulate(self.resolved))
        for bands in self.samples.values():
            for samples in bands:
                samples.sort()
            for shorter, samples in pairwise(bands):
                samples.extend(shorter)
                samples.sort()  # merges two ascending runs
        for kept in self.kept.values():
            for met_before, met in pairwise(kept):
                met.extend(met_before)
        return self

    def count(self, window: int) -> GroupCount:
        return GroupCount(self.incidents[window], self.resolved[window])

    def samples_of(self, window: int) -> Mapping[Indicator, Sequence[float]]:
        return {indicator: bands[window] for indicator, bands in self.samples.items()}

    def kept_of(self, window: int) -> Mapping[Indicator, Sequence[bool]]:
        return {indicator: bands[window] for indicator, bands in self.kept.items()}


def _extend(bands: list[list[T]], others: list[list[T]]) -> None:
    for band, other in zip(bands, others, strict=True):
        band.extend(other)


class Gathering:
    """Collects the samples of incidents by window, according to their detection.

    `since` maps the name of a window to its beginning, the shortest first; `dimensions` are those of the incidents'
    values.
    """

    def __init__(
        self, policy: Policy, since: Mapping[str, datetime], now: datetime, dimensions: Sequence[Dimension] = ()
    ) -> None:
        self._policy = policy
        self._windows = list(since)
        self._since = list(since.values())
        self._now = now
        self._dimensions = dimensions
        self._cells: dict[tuple[Severity, Values], _Group] = defaultdict(lambda: _Group(len(since)))
        self.outlived = 0
        self.missing: Counter[Milestone] = Counter()
        self.invalid: Counter[Indicator] = Counter()

    def visit(self, recent: MeasuredIncident) -> None:
        """Add an incident that has more milestones than its detection."""
        measured = intervals(recent.milestones, recent.resolution_source, self._policy.resolve_from)
        if recent.phase is Phase.RESOLVED:
            self.missing.update(m for m in NEEDED if m not in recent.milestones or m in measured.late)
        if recent.outlived_at is not None and recent.outlived_at < self._now:
            self.outlived += 1
        self.invalid.update(measured.invalid)
        detected_at = recent.milestones.get(Milestone.DETECTED)
        if detected_at is None:
            return
        window = next(i for i, since in enumerate(self._since) if detected_at > since)
        cell = self._cells[recent.severity, recent.values]
        cell.incidents[window] += 1
        cell.resolved[window] += recent.phase is Phase.RESOLVED
        for indicator, interval in measured.intervals.items():
            cell.samples[indicator][window].append(interval.total_seconds())
            if indicator in LEAD_TIMES:
                met = met_deadline(indicator, recent.milestones, recent.severity, self._policy)
                if met is not None:
                    cell.kept[indicator][window].append(met)

    def add_detected_only(self, counts: Iterable[DetectedOnly]) -> None:
        """Add the numbers of incidents that have no other milestone yet."""
        for count in counts:
            cell = self._cells[count.severity, count.values]
            for i, (number, shorter) in enumerate(zip(count.numbers, (0, *count.numbers), strict=False)):
                cell.incidents[i] += number - shorter
                cell.resolved[i] += (number - shorter) * (count.phase is Phase.RESOLVED)

    def tables(self) -> dict[str, list[Row]]:
        """Return the table of each window, of all severities together and of each."""
        groups = self._grouped(lambda severity, _: severity)
        return {
            window: table(
                {severity: group.samples_of(i) for severity, group in groups.items()},
                {severity: group.kept_of(i) for severity, group in groups.items()},
                self._policy,
            )
            for i, window in enumerate(self._windows)
        }

    def breakdowns(self) -> dict[str, Breakdown]:
        """Return the breakdown by each dimension that an incident has a value of, by its label."""
        breakdowns = ((d.label, self._breakdown(i, d)) for i, d in enumerate(self._dimensions))
        return {
            label: breakdown for label, breakdown in breakdowns if breakdown.values.names or breakdown.values.folded
        }

    def _breakdown(self, index: int, dimension: Dimension) -> Breakdown:
        frequencies: Counter[str] = Counter()
        for (_, values), cell in self._cells.items():
            frequencies[values[index]] += sum(cell.incidents)
        named = named_values(frequencies, dimension)
        groups = self._grouped(lambda _, values: named.name_of(values[index]))
        return Breakdown(
            named,
            {w: {value: group.count(i) for value, group in groups.items()} for i, w in enumerate(self._windows)},
            {
                w: {v: overall(g.samples_of(i), g.kept_of(i), self._policy) for v, g in groups.items()}
                for i, w in enumerate(self._windows)
            },
        )

    def _grouped(self, group_of: Callable[[Severity, Values], Key]) -> dict[Key, _Group]:
        """Return the groups by their keys, in ascending order."""
        groups: dict[Key, _Group] = defaultdict(lambda: _Group(len(self._windows)))
        for (severity, values), cell in self._cells.items():
            groups[group_of(severity, values)].add(cell)
        return {key: groups[key].widened() for key in sorted(groups)}
