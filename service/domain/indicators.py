"""The numbers: what each indicator measures in one incident, and what is said about many.

Definitions: docs/definitions.md. A missing milestone gives no sample, never 0 and never "now"; a negative interval
gives no sample and is counted; a stale resolution is no sample of `resolve`; a dismissed incident gives none at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor

from service.domain.incident import Incident, Phase, ResolutionSource
from service.domain.policy import Indicator, Milestone, Policy, Severity, Statistic, Target

BOUNDS: Mapping[Indicator, tuple[Milestone, Milestone]] = {
    Indicator.DETECT: (Milestone.STARTED, Milestone.DETECTED),
    Indicator.ACKNOWLEDGE: (Milestone.DETECTED, Milestone.ACKNOWLEDGED),
    Indicator.MITIGATE: (Milestone.DETECTED, Milestone.MITIGATED),
    Indicator.RESOLVE: (Milestone.DETECTED, Milestone.RESOLVED),
    Indicator.DRAFT: (Milestone.STARTED, Milestone.DRAFTED),
    Indicator.FINALIZE: (Milestone.STARTED, Milestone.FINALIZED),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one incident gives: the valid intervals, and the indicators whose interval is negative."""

    intervals: Mapping[Indicator, timedelta]
    invalid: tuple[Indicator, ...]


def measure(incident: Incident, policy: Policy) -> Measured:
    """Measure all indicators of one incident."""
    if incident.phase is Phase.DISMISSED:
        return Measured({}, ())
    return intervals(incident.milestones, incident.resolution_source, policy.resolve_from)


def intervals(
    milestones: Mapping[Milestone, datetime], resolution_source: ResolutionSource | None, resolve_from: Milestone
) -> Measured:
    """Measure the indicators between the milestones that are known; lead times run from `started` only."""
    valid: dict[Indicator, timedelta] = {}
    invalid: list[Indicator] = []
    for indicator, (begin, end) in BOUNDS.items():
        if indicator is Indicator.RESOLVE:
            if resolution_source is ResolutionSource.STALE:
                continue
            begin = resolve_from  # noqa: PLW2901 - the one interval whose start a team may choose
        if begin not in milestones or end not in milestones:
            continue
        interval = milestones[end] - milestones[begin]
        if interval < timedelta(0):
            invalid.append(indicator)
        else:
            valid[indicator] = interval
    return Measured(valid, tuple(invalid))


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said about the samples of one indicator, in seconds."""

    incidents: int
    statistics: Mapping[Statistic, float]


def quantile(ordered: Sequence[float], q: float) -> float:
    """Return the `q`-quantile of ascending samples, interpolating linearly between closest ranks.

    Hyndman and Fan's type 7: numpy's default, and `statistics.quantiles(method="inclusive")`. At least one sample.
    """
    rank = q * (len(ordered) - 1)
    below, above = ordered[floor(rank)], ordered[ceil(rank)]
    return below + (above - below) * (rank - floor(rank))


def summarize(samples: Iterable[float]) -> Summary | None:
    """Say mean, median, 95th percentile and maximum of samples in seconds; None of none."""
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
    """Return the share of samples at or below `limit`, 0 to 1. At least one sample."""
    return sum(1 for sample in samples if sample <= limit.total_seconds()) / len(samples)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of indicators: `severity` None stands for all severities together."""

    indicator: Indicator
    severity: Severity | None
    summary: Summary
    target: Target | None
    within_target_ratio: float | None


Samples = Mapping[Severity, Mapping[Indicator, Sequence[float]]]


def table(samples: Samples, policy: Policy) -> list[Row]:
    """Summarize the samples (in seconds) of one window, by indicator, for all severities and for each.

    Indicators without a sample have no row. Where a policy has several targets for one row, the first counts.
    """
    rows: list[Row] = []
    for indicator in Indicator:
        by_severity = {s: list(of.get(indicator, ())) for s, of in samples.items()}
        everything = [sample for some in by_severity.values() for sample in some]
        for severity, some in ((None, everything), *sorted(by_severity.items())):
            summary = summarize(some)
            if summary is None:
                continue
            target = policy.target(indicator, severity)
            ratio = within_ratio(some, target.limit) if target else None
            rows.append(Row(indicator, severity, summary, target, ratio))
    return rows
