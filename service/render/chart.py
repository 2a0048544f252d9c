"""A line chart of consecutive periods: geometry only, in the units of a picture that is `WIDTH` by `HEIGHT`."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 70, 625, 14, 186
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MAX_LINES = 5
_MAX_NAMES = 7


@dataclass(frozen=True, slots=True)
class Mark:
    """A value of a period, in seconds, at its place."""

    index: int
    value: float
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw: the lines as runs of neighbouring periods that have a value, and where grid and target lie.

    `grid` has the values of the horizontal lines, `names` the periods whose names there is room for; `target_y` is
    None without a target.
    """

    lines: tuple[tuple[tuple[Mark, ...], ...], ...]
    grid: tuple[tuple[float, int], ...]
    names: tuple[tuple[int, int], ...]
    target_y: int | None

    @property
    def is_empty(self) -> bool:
        """Return whether there is no value at all."""
        return not any(self.lines)


def chart(series: Sequence[Sequence[float | None]], target: float | None) -> Chart:
    """Lay out series of the same periods; None is a period without a value, which interrupts the line."""
    periods = max(map(len, series), default=0)
    values = [value for values in series for value in values if value is not None]
    step = _step(max([*values, target or 0.0, 1.0]))
    top = step * -(-max([*values, target or 0.0, 1.0]) // step)

    def x(index: int) -> int:
        return round(LEFT + (index + 0.5) * (RIGHT - LEFT) / periods)

    def y(value: float) -> int:
        return round(BOTTOM - value / top * (BOTTOM - TOP))

    every = -(-periods // _MAX_NAMES)
    return Chart(
        lines=tuple(
            _runs([None if v is None else Mark(i, v, x(i), y(v)) for i, v in enumerate(values)]) for values in series
        ),
        grid=tuple((number * step, y(number * step)) for number in range(int(top / step) + 1)),
        names=tuple((index, x(index)) for index in range((periods - 1) % every if periods else 0, periods, every or 1)),
        target_y=None if target is None else y(target),
    )


def _step(highest: float) -> float:
    """Return the distance of the lines: a round time, so that few lines reach the highest value."""
    step = next((step for step in _STEPS if highest / step <= _MAX_LINES), None)
    return step or 86400 * -(-highest // (86400 * _MAX_LINES))


def _runs(marks: Sequence[Mark | None]) -> tuple[tuple[Mark, ...], ...]:
    runs: list[list[Mark]] = [[]]
    for mark in marks:
        if mark is not None:
            runs[-1].append(mark)
        elif runs[-1]:
            runs.append([])
    return tuple(tuple(run) for run in runs if run)
