"""Indicators: samples of one incident, and statistics over many.

Definitions: docs/definitions.md. A missing milestone gives no sample, never 0 and never "now"; a negative interval
gives no sample and is counted; a response after the final recovery gives no sample, nor does a stale resolution for
`resolve`; a dismissed incident gives no samples at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor

from service.domain.incident import Incident, Phase
from service.domain.policy import DueRule, Indicator, Milestone, Policy, Severity, Stage, Statistic, Target
from service.domain.recovery import ResolutionSource

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
    for indicator in BOUNDS:
        if indicator is Indicator.RESOLVE and resolution_source is ResolutionSource.STALE:
            continue
        begin, end = bounds_of(indicator, resolve_from)
        if indicator in LEAD_TIMES and begin not in milestones:
            begin = Milestone.DETECTED  # where the deadline runs from
        if begin not in milestones or end not in milestones or end in late:
            continue
        interval = milestones[end] - milestones[begin]
        if interval < timedelta(0):
            invalid.append(indicator)
        else:
            valid[indicator] = interval
    return Measured(valid, tuple(invalid), late)


def late_responses(
    milestones: Mapping[Milestone, datetime], resolution_source: ResolutionSource | None
) -> tuple[Milestone, ...]:
    """Return the responses after the final recovery; an assumed end makes no response late."""
    resolved_at = milestones.get(Milestone.RESOLVED)
    if resolved_at is None or resolution_source is ResolutionSource.STALE:
        return ()
    return tuple(m for m in RESPONSES if m in milestones and milestones[m] > resolved_at)


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


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics over the samples of one indicator, in seconds."""

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
    """Return mean, median, 95th percentile and maximum of samples in seconds; None without samples."""
    ordered = sorted(samples)
    if not ordered:
        return None
    return Summary(
        len(ordered),
        {
            Statistic.MEAN: sum(ordered) / len(ordered),
            Statistic.P50: quantile(ordered, 0.5),
            Statistic.P95: quantile(ordered, 0.95),
            Statistic.MAX: ordered[-1],
        },
    )


def within_ratio(samples: Sequence[float], limit: timedelta) -> float:
    """Return the share of samples (at least one) at or below `limit`, 0 to 1."""
    return sum(1 for sample in samples if sample <= limit.total_seconds()) / len(samples)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of indicators; `severity` None: all severities together."""

    indicator: Indicator
    severity: Severity | None
    summary: Summary
    target: Target | None
    within_target_ratio: float | None


Samples = Mapping[Severity, Mapping[Indicator, Sequence[float]]]
Kept = Mapping[Severity, Mapping[Indicator, Sequence[bool]]]
"""Whether each lead time that had a deadline met it."""


def table(samples: Samples, kept: Kept, policy: Policy) -> list[Row]:
    """Summarize the samples (in seconds) of one window, by indicator, for all severities and for each."""
    rows: list[Row | None] = []
    for indicator in Indicator:
        for severity in (None, *sorted(samples)):
            chosen = sorted(samples) if severity is None else [severity]
            seconds = [sample for s in chosen for sample in samples[s].get(indicator, ())]
            deadlines = [met for s in chosen for met in kept.get(s, {}).get(indicator, ())]
            rows.append(row_of(indicator, severity, seconds, deadlines, policy))
    return [row for row in rows if row is not None]


def overall(
    samples: Mapping[Indicator, Sequence[float]], kept: Mapping[Indicator, Sequence[bool]], policy: Policy
) -> list[Row]:
    """Summarize the samples of one window, by indicator, of incidents of all severities."""
    rows = (row_of(i, None, samples.get(i, ()), kept.get(i, ()), policy) for i in Indicator)
    return [row for row in rows if row is not None]


def row_of(
    indicator: Indicator, severity: Severity | None, seconds: Sequence[float], kept: Sequence[bool], policy: Policy
) -> Row | None:
    """Summarize the samples of one indicator of a group, None without a sample.

    `kept` is whether each lead time met its deadline, which may be a weekly review: for lead times that is the share
    within target. If a policy has several targets for one row, the first counts.
    """
    summary = summarize(seconds)
    if summary is None:
        return None
    target = policy.target(indicator, severity)
    if indicator in LEAD_TIMES:
        ratio = sum(kept) / len(kept) if kept else None
    else:
        ratio = within_ratio(seconds, target.limit) if target else None
    return Row(indicator, severity, summary, target, ratio)
