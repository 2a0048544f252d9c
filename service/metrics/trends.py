"""The indicators of consecutive periods, in one pass over the incidents detected in them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from service.domain.indicators import LEAD_TIMES, Row, intervals, met_deadline, table
from service.domain.periods import Period
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.store import Store
from service.store.recent import MeasuredIncident, Selection, visit_recent

JUST_BEFORE = timedelta(microseconds=1)
"""A selection leaves its beginning out, a period has it."""


@dataclass(frozen=True, slots=True)
class PeriodRows:
    """A period and its indicators, as the API gives them for the same period."""

    period: Period
    rows: Sequence[Row]


class _Samples:
    def __init__(self) -> None:
        self.seconds: dict[Severity, dict[Indicator, list[float]]] = {s: {i: [] for i in Indicator} for s in Severity}
        self.kept: dict[Severity, dict[Indicator, list[bool]]] = {s: {i: [] for i in LEAD_TIMES} for s in Severity}


def trends_of(
    store: Store, policy: Policy, periods: Sequence[Period], dimensions: Mapping[str, str]
) -> list[PeriodRows]:
    """Return the indicators of each period, of the incidents with these values. Raises `StoreUnavailable`."""
    begins = [period.begins_at for period in periods]
    samples = [_Samples() for _ in periods]

    def visit(recent: MeasuredIncident) -> None:
        detected_at = recent.milestones.get(Milestone.DETECTED)
        if detected_at is None:
            return
        found = samples[bisect_right(begins, detected_at) - 1]
        measured = intervals(recent.milestones, recent.resolution_source, policy.resolve_from)
        for indicator, interval in measured.intervals.items():
            found.seconds[recent.severity][indicator].append(interval.total_seconds())
            met = met_deadline(indicator, recent.milestones, recent.severity, policy)
            if met is not None:
                found.kept[recent.severity][indicator].append(met)

    selection = Selection(since=begins[0] - JUST_BEFORE, until=periods[-1].ends_at, dimensions=dimensions)
    store.read(visit_recent, selection, visit)
    return [
        PeriodRows(period, table(found.seconds, found.kept, policy))
        for period, found in zip(periods, samples, strict=True)
    ]
