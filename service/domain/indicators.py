"""Indicators: samples of one incident, and statistics over many.

Definitions: docs/definitions.md. A missing milestone gives no sample, never 0 and never "now"; a negative interval
gives no sample and is counted; a response after the final recovery gives no sample, nor does a stale resolution for
`resolve`; a dismissed incident gives no samples at all.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from math import ceil, exp, floor, log

from service.domain.comparison import Comparison, compare
from service.domain.incident import Incident, Phase
from service.domain.policy import DueRule, Indicator, Milestone, Policy, Severity, Stage, Statistic, Target
from service.domain.recovery import ResolutionSource
from service.domain.verdicts import Bound, TargetVerdict, quantile_bounds, target_verdict

BOUNDS: Mapping[Indicator, tuple[Milestone, Milestone]] = {
    Indicator.DETECT: (Milestone.STARTED, Milestone.DETECTED),
    Indicator.ACKNOWLEDGE: (Milestone.DETECTED, Milestone.ACKNOWLEDGED),
    Indicator.MITIGATE: (Milestone.DETECTED, Milestone.MITIGATED),
    Indicator.RESOLVE: (Milestone.DETECTED, Milestone.RESOLVED),
    Indicator.DRAFT: (Milestone.STARTED, Milestone.DRAFTED),
    Indicator.FINALIZE: (Milestone.STARTED, Milestone.FINALIZED),
}
"""Lead times run from `detected` if the start is unknown, as their deadlines do."""
LEAD_TIMES: Mapping[Indicator, Stage] = {Indicator.DRAFT: Stage.DRAFT, Indicator.FINALIZE: Stage.FINAL}
NEEDED = (Milestone.STARTED, Milestone.DETECTED, Milestone.ACKNOWLEDGED, Milestone.MITIGATED)
"""The milestones that a resolved incident should have; later ones have deadlines instead."""
RESPONSES = (Milestone.ACKNOWLEDGED, Milestone.MITIGATED)


def bounds_of(indicator: Indicator, resolve_from: Milestone) -> tuple[Milestone, Milestone]:
    """Return the milestones between which an indicator runs; teams choose where `resolve` begins."""
    begin, end = BOUNDS[indicator]
    return (resolve_from if indicator is Indicator.RESOLVE else begin), end


def lead_time_targets(deadlines: Mapping[Severity, Mapping[Stage, DueRule]]) -> Iterator[Target]:
    """Yield the targets of the lead times: the deadlines, except for the weekly review."""
    for severity, stages in deadlines.items():
        for indicator, stage in LEAD_TIMES.items():
            rule = stages.get(stage)
            if isinstance(rule, timedelta):
                yield Target(indicator, Statistic.MAX, rule, severity)


@dataclass(frozen=True, slots=True)
class Measured:
    """The samples of one incident: valid intervals, indicators with a negative interval, and late responses.

    `late` are response milestones after the final recovery: they give no sample and count as missing.
    """

    intervals: Mapping[Indicator, timedelta]
    invalid: tuple[Indicator, ...]
    late: tuple[Milestone, ...] = ()


def measure(incident: Incident, policy: Policy) -> Measured:
    """Measure all indicators of one incident."""
    if incident.phase is Phase.DISMISSED:
        return Measured({}, ())
    return intervals(incident.milestones, incident.resolution_source, policy.resolve_from)


def intervals(
    milestones: Mapping[Milestone, datetime], resolution_source: ResolutionSource | None, resolve_from: Milestone
) -> Measured:
    """Return the intervals between the known milestones, by indicator."""
    valid: dict[Indicator, timedelta] = {}
    invalid: list[Indicator] = []
    late = late_responses(milestones, resolution_source)
    for indicator, begin, end in _bounds(resolve_from):
        if indicator is Indicator.RESOLVE and resolution_source is ResolutionSource.STALE:
            continue
        end_at, begin_at = milestones.get(end), milestones.get(begin)
        if begin_at is None and indicator in LEAD_TIMES:
            begin_at = milestones.get(Milestone.DETECTED)  # where the deadline runs from
        if begin_at is None or end_at is None or end in late:
            continue
        if end_at < begin_at:
            invalid.append(indicator)
        else:
            valid[indicator] = end_at - begin_at
    return Measured(valid, tuple(invalid), late)


@cache
def _bounds(resolve_from: Milestone) -> tuple[tuple[Indicator, Milestone, Milestone], ...]:
    return tuple((indicator, *bounds_of(indicator, resolve_from)) for indicator in BOUNDS)


def began_at(indicator: Indicator, milestones: Mapping[Milestone, datetime], policy: Policy) -> datetime | None:
    """Return when an interval began, None if that is unknown."""
    begin, _ = bounds_of(indicator, policy.resolve_from)
    if indicator in LEAD_TIMES and begin not in milestones:
        begin = Milestone.DETECTED
    return milestones.get(begin)


def is_fresh(indicator: Indicator, milestones: Mapping[Milestone, datetime], policy: Policy, now: datetime) -> bool:
    """Return whether an interval began so recently that it could still meet a target: only quick ones have an end."""
    since = now - policy.longest_limit(indicator)
    began = began_at(indicator, milestones, policy)
    return began is not None and began >= since


def late_responses(
    milestones: Mapping[Milestone, datetime], resolution_source: ResolutionSource | None
) -> tuple[Milestone, ...]:
    """Return the responses after the final recovery; an assumed end makes no response late."""
    resolved_at = milestones.get(Milestone.RESOLVED)
    if resolved_at is None or resolution_source is ResolutionSource.STALE:
        return ()
    return tuple(m for m in RESPONSES if (at := milestones.get(m)) is not None and at > resolved_at)


def met_deadline(
    indicator: Indicator, milestones: Mapping[Milestone, datetime], severity: Severity, policy: Policy
) -> bool | None:
    """Return whether a lead time met its own deadline, including the weekly review; None without a deadline."""
    begin = milestones.get(Milestone.STARTED, milestones.get(Milestone.DETECTED))
    done_at = milestones.get(BOUNDS[indicator][1])
    if begin is None or done_at is None or indicator not in LEAD_TIMES:
        return None
    due_at = policy.due_at(severity, LEAD_TIMES[indicator], begin)
    return None if due_at is None else done_at <= due_at


def deadlines_met(
    measured: Measured, milestones: Mapping[Milestone, datetime], severity: Severity, policy: Policy
) -> dict[Indicator, bool]:
    """Return whether each lead time that has a sample and a deadline met it."""
    met = {i: met_deadline(i, milestones, severity, policy) for i in LEAD_TIMES if i in measured.intervals}
    return {indicator: kept for indicator, kept in met.items() if kept is not None}


def missing_milestones(
    measured: Measured, milestones: Mapping[Milestone, datetime], phase: Phase
) -> tuple[Milestone, ...]:
    """Return the `NEEDED` milestones that a resolved incident lacks, or has too late to count."""
    if phase is not Phase.RESOLVED:
        return ()
    return tuple(m for m in NEEDED if m not in milestones or m in measured.late)


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics over the samples of one indicator, in seconds; none without samples."""

    incidents: int
    statistics: Mapping[Statistic, float]


def quantile(ordered: Sequence[float], q: float) -> float:
    """Return the `q`-quantile of ascending samples (at least one), interpolating linearly between closest ranks.

    Hyndman and Fan's type 7: numpy's default, and `statistics.quantiles(method="inclusive")`.
    """
    rank = q * (len(ordered) - 1)
    below, above = ordered[floor(rank)], ordered[ceil(rank)]
    return below + (above - below) * (rank - floor(rank))


def summarize(samples: Iterable[float]) -> Summary | None:
    """Return the statistics over samples in seconds; None without samples.

    In the geometric mean a sample of less than a second counts as one second, since one of 0 would make it 0.
    """
    ordered = sorted(samples)
    if not ordered:
        return None
    return Summary(
        len(ordered),
        {
            Statistic.MEAN: sum(ordered) / len(ordered),
            Statistic.GEOMETRIC_MEAN: exp(sum(map(log, ordered[bisect_left(ordered, 1.0) :])) / len(ordered)),
            Statistic.P50: quantile(ordered, 0.5),
            Statistic.P95: quantile(ordered, 0.95),
            Statistic.MAX: ordered[-1],
        },
    )


def within_ratio(samples: Sequence[float], limit: timedelta) -> float:
    """Return the share of samples (at least one) at or below `limit`, 0 to 1."""
    return sum(1 for sample in samples if sample <= limit.total_seconds()) / len(samples)


@dataclass(frozen=True, slots=True)
class IndicatorSamples:
    """The samples of one indicator of a group of incidents in one window, in seconds and ascending.

    `fresh` are those of incidents that began less than the longest limit ago, `before` those of the window before,
    None if there is nothing to compare with;
    `kept` is whether each lead time met its deadline, which may be a weekly review. `outside` are the unfinished
    incidents that have passed the limit of the row, `unfinished` those of both windows that have passed the longest.
    """

    seconds: Sequence[float] = ()
    fresh: Sequence[float] = ()
    before: Sequence[float] | None = None
    kept: Sequence[bool] = ()
    outside: int = 0
    unfinished: int = 0

    def compared(self) -> Comparison | None:
        """Return the comparison with the window before, without fresh samples; None if that is not known."""
        if self.before is None:
            return None
        settled = self.seconds
        if self.fresh:
            settled = array("d", settled)
            for sample in self.fresh:
                del settled[bisect_left(settled, sample)]
        return compare(self.before, settled, self.unfinished)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of indicators; `severity` None: all severities together.

    `bounds` are those of the quantiles. `verdict` is None without a target for a quantile.
    """

    indicator: Indicator
    severity: Severity | None
    summary: Summary
    target: Target | None
    within_target_ratio: float | None
    bounds: Mapping[tuple[Statistic, Bound], float] = field(default_factory=dict)
    verdict: TargetVerdict | None = None
    comparison: Comparison | None = None


Groups = Mapping[Severity | None, Mapping[Indicator, IndicatorSamples]]


def table(groups: Groups, policy: Policy) -> list[Row]:
    """Return the rows of one window, by indicator, of all severities together (None) and of each."""
    rows = (
        row_of(i, severity, group[i], policy) for i in Indicator for severity, group in groups.items() if i in group
    )
    return [row for row in rows if row is not None]


def row_of(indicator: Indicator, severity: Severity | None, samples: IndicatorSamples, policy: Policy) -> Row | None:
    """Return the row of one indicator of a group, None if it has neither a sample nor an incident outside its target.

    For lead times the share within target is that of the deadlines met. If a policy has several targets for one row,
    the first counts.
    """
    target = policy.target(indicator, severity)
    verdict = target_verdict(target, samples.seconds, samples.outside)
    summary = summarize(samples.seconds)
    if summary is None:
        return None if verdict is None else Row(indicator, severity, Summary(0, {}), target, None, verdict=verdict)
    if indicator in LEAD_TIMES:
        ratio = sum(samples.kept) / len(samples.kept) if samples.kept else None
    else:
        ratio = within_ratio(samples.seconds, target.limit) if target else None
    bounds = quantile_bounds(samples.seconds)
    return Row(indicator, severity, summary, target, ratio, bounds, verdict, samples.compared())
