"""The team's targets: one line each, compared with the longer window for a trend."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.indicators import Row
from service.domain.policy import Indicator, Policy, Target

Indicators = Callable[[str, datetime], Sequence[Row] | None]
_STEADY = 0.05


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target and its state. `value` in seconds, None without a sample; `trend`: better, worse, steady or ""."""

    target: Target
    value: float | None
    incidents: int
    share: float | None
    before: float | None
    trend: str

    @property
    def met(self) -> bool | None:
        """Return whether the target is met, None without a sample."""
        return None if self.value is None else self.value <= self.target.limit.total_seconds()

    @property
    def lead_time(self) -> bool:
        """Return whether it is a lead time of the postmortem."""
        return self.target.indicator in (Indicator.DRAFT, Indicator.FINALIZE)


def default_window(windows: Mapping[str, timedelta]) -> str:
    """Return the default window: 30 days if configured, else the longest."""
    return "30d" if "30d" in windows else max(windows, key=lambda name: windows[name])


def longer(window: str, windows: Mapping[str, timedelta]) -> str | None:
    """Return the next longer window, None for the longest."""
    more = [name for name in windows if windows[name] > windows[window]]
    return min(more, key=lambda name: windows[name]) if more else None


def target_states(
    policy: Policy, indicators: Indicators, window: str, against: str | None, now: datetime
) -> list[TargetState]:
    """Return the state of every target of the policy in `window`."""
    current, past = _by_key(indicators(window, now)), _by_key(indicators(against, now) if against else None)
    return [_target_state(target, current, past) for target in policy.targets]


_Rows = Mapping[tuple[Indicator, str | None], Row]


def _by_key(rows: Sequence[Row] | None) -> _Rows:
    return {(row.indicator, row.severity): row for row in rows or ()}


def _target_state(target: Target, current: _Rows, past: _Rows) -> TargetState:
    row, before = current.get((target.indicator, target.severity)), past.get((target.indicator, target.severity))
    value = row.summary.statistics[target.statistic] if row else None
    was = before.summary.statistics[target.statistic] if before else None
    return TargetState(
        target=target,
        value=value,
        incidents=row.summary.incidents if row else 0,
        share=row.within_target_ratio if row else None,
        before=was,
        trend=_trend(value, was),
    )


def _trend(value: float | None, was: float | None) -> str:
    if value is None or was is None:
        return ""
    if abs(value - was) <= _STEADY * was:
        return "steady"
    return "better" if value < was else "worse"
