"""The picture of an incident's life: milestones on a line, intervals as bars against their targets. Pure geometry.

All lengths are in the units of the picture, which is `WIDTH` wide; whoever draws it writes the words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.indicators import BOUNDS
from service.domain.policy import Indicator, Milestone

WIDTH = 1000
LEFT, RIGHT = 20, 980
_APART = 150
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200)
_MOST_TICKS = 7
SHOWN = (Indicator.DETECT, Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE)


@dataclass(frozen=True, slots=True)
class Point:
    """A milestone at `x`; `row` keeps the words of neighbours apart, `anchor` keeps them inside the picture."""

    milestone: Milestone
    at: datetime
    x: int
    row: int
    anchor: str


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval from `x` on. `limit_x` is where its target ends, None where it has none or lies outside."""

    indicator: Indicator
    x: int
    width: int
    took: timedelta
    target: timedelta | None
    limit_x: int | None
    running: bool

    @property
    def late(self) -> bool:
        """Say whether the interval is longer than its target."""
        return self.target is not None and self.took > self.target


@dataclass(frozen=True, slots=True)
class Firing:
    """A stretch in which an alert fired."""

    name: str
    x: int
    width: int
    running: bool


@dataclass(frozen=True, slots=True)
class Lifeline:
    """Everything to draw. `ticks` are instants on the axis."""

    points: tuple[Point, ...]
    bars: tuple[Bar, ...]
    firings: tuple[Firing, ...]
    ticks: tuple[tuple[datetime, int], ...]
    rows: int


def lifeline(
    milestones: Mapping[Milestone, datetime],
    targets: Mapping[Indicator, timedelta],
    firings: Sequence[tuple[str, datetime, datetime | None]],
    resolve_from: Milestone,
    now: datetime | None,
) -> Lifeline | None:
    """Lay it out; `now` is given while the incident is open, and what has not ended then goes on until `now`.

    Postmortem milestones come days later and would press the rest together, so that they are left out. None without a
    single milestone to draw.
    """
    shown: dict[Milestone, datetime] = {
        m: at for m, at in milestones.items() if m not in (Milestone.DRAFTED, Milestone.FINALIZED)
    }
    if not shown:
        return None
    instants = [*shown.values(), *([now] if now else [])]
    begin, end = min(instants), max(instants)
    if end - begin < timedelta(minutes=1):
        end = begin + timedelta(minutes=1)
    scale = _Scale(begin, end)
    points = _points(shown, scale)
    return Lifeline(
        points=points,
        bars=tuple(_bars(shown, targets, resolve_from, now, scale)),
        firings=tuple(
            Firing(name, x := scale.x(start), max(3, scale.x(stop or end) - x), stop is None)
            for name, start, stop in firings
            if start <= end and (stop is None or stop >= begin)
        ),
        ticks=_ticks(begin, end, scale),
        rows=max(point.row for point in points) + 1,
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: datetime
    end: datetime

    def x(self, at: datetime) -> int:
        share = (at - self.begin) / (self.end - self.begin)
        return round(LEFT + min(1.0, max(0.0, share)) * (RIGHT - LEFT))


def _points(milestones: Mapping[Milestone, datetime], scale: _Scale) -> tuple[Point, ...]:
    order = list(Milestone)
    placed: list[Point] = []
    reach: list[int] = []  # how far each row is written
    for milestone, at in sorted(milestones.items(), key=lambda pair: (pair[1], order.index(pair[0]))):
        x = scale.x(at)
        anchor = "start" if x < LEFT + _APART else "end" if x > RIGHT - _APART else "middle"
        first = x if anchor == "start" else x - _APART if anchor == "end" else x - _APART // 2
        row = next((i for i, taken in enumerate(reach) if taken <= first), len(reach))
        reach[row : row + 1] = [first + _APART]
        placed.append(Point(milestone, at, x, row, anchor))
    return tuple(placed)


def _bars(
    milestones: Mapping[Milestone, datetime],
    targets: Mapping[Indicator, timedelta],
    resolve_from: Milestone,
    now: datetime | None,
    scale: _Scale,
) -> list[Bar]:
    found: list[Bar] = []
    for indicator in SHOWN:
        begin, end = BOUNDS[indicator]
        begin = resolve_from if indicator is Indicator.RESOLVE else begin
        began, ended = milestones.get(begin), milestones.get(end) or now
        if began is None or ended is None or ended < began:
            continue
        target = targets.get(indicator)
        limit = began + target if target else None
        limit_x = scale.x(limit) if limit and limit <= scale.end else None
        x = scale.x(began)
        running = end not in milestones
        found.append(Bar(indicator, x, max(2, scale.x(ended) - x), ended - began, target, limit_x, running))
    return found


def _ticks(begin: datetime, end: datetime, scale: _Scale) -> tuple[tuple[datetime, int], ...]:
    minutes = (end - begin) / timedelta(minutes=1)
    step = timedelta(minutes=next((s for s in _TICKS if minutes / s <= _MOST_TICKS), _TICKS[-1]))
    first = begin - (begin - begin.replace(hour=0, minute=0, second=0, microsecond=0)) % step
    instants = [first + number * step for number in range(1, int((end - first) / step) + 1)]
    shown = instants[:: max(1, len(instants) // _MOST_TICKS)]
    return tuple((at, scale.x(at)) for at in shown if at >= begin)
