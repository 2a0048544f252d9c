"""The incidents of a group by when they were detected, and the samples that they have in a window."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from service.domain.indicators import IndicatorSamples
from service.domain.policy import Indicator


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The incidents of a group that were detected in a window, and how many of them are resolved."""

    incidents: int
    resolved: int


@dataclass(frozen=True, slots=True)
class Bands:
    """The bands of a window, and those of the window before it."""

    now: Sequence[int]
    before: Sequence[int]


def _samples(samples: Iterable[float] = ()) -> "array[float]":
    """Return samples without an object for each: there may be a million."""
    return array("d", samples)


_Samples = dict[Indicator, "array[float]"]


@dataclass(slots=True)
class Cell:
    """The incidents of a group that were detected in one band.

    `outside` counts the unfinished ones that have passed the limit of all severities together (True) or of their own.
    """

    incidents: int = 0
    resolved: int = 0
    samples: _Samples = field(default_factory=lambda: defaultdict(_samples))
    fresh: _Samples = field(default_factory=lambda: defaultdict(_samples))
    kept: dict[Indicator, list[bool]] = field(default_factory=lambda: defaultdict(list))
    outside: dict[tuple[Indicator, bool], int] = field(default_factory=lambda: defaultdict(int))
    unfinished: dict[Indicator, int] = field(default_factory=lambda: defaultdict(int))
    budgets: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: "Cell") -> None:
        """Add the incidents of another one."""
        self.incidents += other.incidents
        self.resolved += other.resolved
        for indicator, samples in other.samples.items():
            self.samples[indicator].extend(samples)
        for indicator, samples in other.fresh.items():
            self.fresh[indicator].extend(samples)
        for indicator, kept in other.kept.items():
            self.kept[indicator].extend(kept)
        for limit, number in other.outside.items():
            self.outside[limit] += number
        for indicator, number in other.unfinished.items():
            self.unfinished[indicator] += number
        for slo, spent_ratio in other.budgets.items():
            self.budgets[slo] += spent_ratio

    def sample(self, seconds: Mapping[Indicator, float]) -> None:
        """Add the samples of an incident."""
        for indicator, sample in seconds.items():
            self.samples[indicator].append(sample)

    def order(self) -> None:
        """Put the samples into ascending order."""
        for samples in (self.samples, self.fresh):
            for indicator in samples:
                samples[indicator] = _samples(sorted(samples[indicator]))


@dataclass(slots=True)
class Group:
    """The incidents of one group, by the band of their detection."""

    cells: dict[int, Cell] = field(default_factory=lambda: defaultdict(Cell))

    def add(self, other: "Group") -> None:
        """Add the incidents of another one."""
        for band, cell in other.cells.items():
            self.cells[band].add(cell)

    def ordered(self) -> "Group":
        """Return the group with its samples in ascending order."""
        for cell in self.cells.values():
            cell.order()
        return self

    def count(self, bands: Bands) -> GroupCount:
        """Count the incidents of a window."""
        cells = self._of(bands.now)
        return GroupCount(sum(cell.incidents for cell in cells), sum(cell.resolved for cell in cells))

    def spent(self, bands: Bands) -> dict[str, float]:
        """Return the share spent of each budget, by objective."""
        spent: dict[str, float] = defaultdict(float)
        for cell in self._of(bands.now):
            for slo, spent_ratio in cell.budgets.items():
                spent[slo] += spent_ratio
        return spent

    def samples_of(self, bands: Bands, *, overall: bool, compared: bool = True) -> dict[Indicator, IndicatorSamples]:
        """Return the samples of a window; `overall`: for the targets of all severities together."""
        now, before = self._of(bands.now), self._of(bands.before)
        return {
            i: IndicatorSamples(
                seconds=_merged(i, [cell.samples for cell in now]),
                fresh=_merged(i, [cell.fresh for cell in now]),
                before=_merged(i, [cell.samples for cell in before]) if compared else None,
                kept=[met for cell in now for met in cell.kept.get(i, ())],
                outside=sum(cell.outside.get((i, overall), 0) for cell in now),
                unfinished=sum(cell.unfinished.get(i, 0) for cell in (*now, *before)),
            )
            for i in Indicator
        }

    def _of(self, bands: Iterable[int]) -> list[Cell]:
        return [self.cells[band] for band in bands if band in self.cells]


def _merged(indicator: Indicator, samples: Iterable[_Samples]) -> "array[float]":
    runs = (of_band.get(indicator, ()) for of_band in samples)
    return _samples(sorted(chain.from_iterable(runs)))  # which merges ascending runs
