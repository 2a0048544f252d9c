"""The team's targets: one line each, with what the incidents show about it and how they changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.comparison import Comparison
from service.domain.indicators import Row
from service.domain.policy import Indicator, Policy, Target
from service.domain.verdicts import SHARES, TargetVerdict, Verdict

Indicators = Callable[[str, datetime], Sequence[Row] | None]


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target and its state. `value` in seconds, None without a sample; `verdict` of a target for a quantile."""

    target: Target
    value: float | None
    incidents: int
    share: float | None
    verdict: TargetVerdict | None
    comparison: Comparison | None

    @property
    def met(self) -> bool | None:
        """Return whether the target is met, None if there is nothing to say it from, or too little."""
        if self.target.statistic in SHARES:
            decided = self.verdict is not None and self.verdict.verdict is not Verdict.UNDECIDED
            return self.verdict.verdict is Verdict.MET if self.verdict and decided else None
        return None if self.value is None else self.value <= self.target.limit.total_seconds()

    @property
    def lead_time(self) -> bool:
        """Return whether it is a lead time of the postmortem."""
        return self.target.indicator in (Indicator.DRAFT, Indicator.FINALIZE)


def default_window(windows: Mapping[str, timedelta]) -> str:
    """Return the default window: 30 days if configured, else the longest."""
    return "30d" if "30d" in windows else max(windows, key=lambda name: windows[name])


def target_states(policy: Policy, indicators: Indicators, window: str, now: datetime) -> list[TargetState]:
    """Return the state of every target of the policy in `window`."""
    rows = {(row.indicator, row.severity): row for row in indicators(window, now) or ()}
    return [target_state(target, rows.get((target.indicator, target.severity))) for target in policy.targets]


def target_state(target: Target, row: Row | None) -> TargetState:
    """Return the state of a target by its row, None without one."""
    return TargetState(
        target=target,
        value=row.summary.statistics.get(target.statistic) if row else None,
        incidents=row.summary.incidents if row else 0,
        share=row.within_target_ratio if row else None,
        verdict=row.verdict if row else None,
        comparison=row.comparison if row and row.comparison and row.comparison.incidents_before else None,
    )
