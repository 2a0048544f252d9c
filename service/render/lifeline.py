"""The lifeline of an incident: milestones on a line, intervals as bars against their targets. Geometry only.

All lengths are in the units of the picture, which is `WIDTH` wide; the caller adds the labels. Names stand left of
`LEFT`; values and the labels of milestones begin at their `x`, and have room beyond `RIGHT`: nothing is cut off, and no
line runs through a label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from service.domain.indicators import bounds_of
from service.domain.policy import Indicator, Milestone

WIDTH = 1000
LEFT, RIGHT = 240, 800
_APART = 195
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200)
_MAX_TICKS = 7
SHOWN = (Indicator.DETECT, Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE)


@dataclass(frozen=True, slots=True)
class Point:
    """A milestone at `x`; `row` keeps its label, which begins there, apart from its neighbours'."""

    milestone: Milestone
    at: datetime
    x: int
    row: int


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval that starts at `x`. `limit_x` is where its target ends, None if it has none or that lies outside."""

    indicator: Indicator
    x: int
    width: int
    duration: timedelta
    target: timedelta | None
    limit_x: int | None
    running: bool

    @property
    def end_x(self) -> int:
        """Where its label may begin: after the bar and after the end of its target."""
        return max(self.x + self.width, self.limit_x or 0)

    @property
    def late(self) -> bool:
        """Whether the interval is longer than its target."""
        return self.target is not None and self.duration > self.target


@dataclass(frozen=True, slots=True)
class AlertBar:
    """A period in which an alert was firing."""

    name: str
    x: int
    width: int
    running: bool


@dataclass(frozen=True, slots=True)
class Lifeline:
    """Everything to draw, from `begin` to `end`. `ticks` are instants on the axis."""

    begin: datetime
    end: datetime
    points: tuple[Point, ...]
    bars: tuple[Bar, ...]
    firings: tuple[AlertBar, ...]
    ticks: tuple[tuple[datetime, int], ...]
    rows: int


def lifeline(
    milestones: Mapping[Milestone, datetime],
    targets: Mapping[Indicator, timedelta],
    firings: Sequence[tuple[str, datetime, datetime | None]],
    resolve_from: Milestone,
    now: datetime | None,
    *,
    zone: tzinfo = UTC,
) -> Lifeline | None:
    """Lay it out; None without a single milestone to draw. `now` is set while the incident is open: what has not ended
    extends to it. Ticks are round in `zone`.

    Postmortem milestones come days later and would squeeze the rest, so that they are left out.
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
        begin=begin,
        end=end,
        points=points,
        bars=tuple(_bars(shown, targets, resolve_from, now, scale)),
        firings=tuple(
            AlertBar(name, x := scale.x(start), max(3, scale.x(stop or end) - x), stop is None)
            for name, start, stop in firings
            if start <= end and (stop is None or stop >= begin)
        ),
        ticks=_ticks(begin, end, scale, zone),
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
    """Lay the labels out from the right, each above all that begin within it, so that no line of theirs crosses it."""
    order = list(Milestone)
    points: list[Point] = []
    for milestone, at in sorted(milestones.items(), key=lambda pair: (pair[1], order.index(pair[0])), reverse=True):
        x = scale.x(at)
        row = max((point.row + 1 for point in points if point.x < x + _APART), default=0)
        points.append(Point(milestone, at, x, row))
    return tuple(reversed(points))


def _bars(
    milestones: Mapping[Milestone, datetime],
    targets: Mapping[Indicator, timedelta],
    resolve_from: Milestone,
    now: datetime | None,
    scale: _Scale,
) -> list[Bar]:
    bars: list[Bar] = []
    for indicator in SHOWN:
        begin, end = bounds_of(indicator, resolve_from)
        started_at, ended = milestones.get(begin), milestones.get(end) or now
        if started_at is None or ended is None or ended < started_at:
            continue
        target = targets.get(indicator)
        limit = started_at + target if target else None
        limit_x = scale.x(limit) if limit and limit <= scale.end else None
        x = scale.x(started_at)
        running = end not in milestones
        bars.append(Bar(indicator, x, max(2, scale.x(ended) - x), ended - started_at, target, limit_x, running))
    return bars


def _ticks(begin: datetime, end: datetime, scale: _Scale, zone: tzinfo) -> tuple[tuple[datetime, int], ...]:
    minutes = (end - begin) / timedelta(minutes=1)
    step = timedelta(minutes=next((s for s in _TICKS if minutes / s <= _MAX_TICKS), _TICKS[-1]))
    midnight = begin.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    first = begin - (begin - midnight) % step
    instants = [first + number * step for number in range(1, int((end - first) / step) + 1)]
    shown = instants[:: max(1, len(instants) // _MAX_TICKS)]
    return tuple((at, scale.x(at)) for at in shown if at >= begin)
