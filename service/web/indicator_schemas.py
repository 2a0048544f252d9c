"""The API's rows of indicators: statistics, verdict, bounds and change of one indicator, in seconds."""

from typing import Literal

from pydantic import BaseModel

from service.domain.binomial import share_bounds
from service.domain.comparison import Comparison, WindowChange
from service.domain.indicators import Row
from service.domain.policy import Indicator, Severity, Statistic
from service.domain.verdicts import Bound, TargetVerdict, Verdict


class BoundsSchema(BaseModel):
    """The bounds between which a true value lies in at least 95 % of cases; null: too few samples."""

    lower: float | None
    upper: float | None


class VerdictSchema(BaseModel):
    """What `within` of `incidents` show about a target for a p50 or p95: `bounds` are those of the true share."""

    verdict: Verdict
    within: int
    incidents: int
    bounds: BoundsSchema


class ComparisonSchema(BaseModel):
    """The samples of this window against those of the one before; `shift` in seconds, null if one has none."""

    change: WindowChange
    shift: float | None
    incidents: int
    incidents_before: int
    unfinished: int


class IndicatorRow(BaseModel):
    """One indicator of one severity (null: all together), in seconds; the target applies to `statistic`.

    `value` is that of the `dimension` that the numbers are broken down by; "": the incidents without one.
    The statistics are null without samples, if there is only a verdict on open incidents that have passed the target.
    """

    indicator: Indicator
    incident_severity: Severity | None
    dimension: str | None
    value: str | None
    incidents: int
    mean: float | None
    geometric_mean: float | None
    p50: float | None
    p95: float | None
    max: float | None
    bounds: dict[Literal[Statistic.P50, Statistic.P95], BoundsSchema]
    target: float | None
    statistic: Statistic | None
    within_target_ratio: float | None
    verdict: VerdictSchema | None
    change: ComparisonSchema | None


def indicator_row(row: Row, dimension: str | None = None, value: str | None = None) -> IndicatorRow:
    """Convert one row of the table of indicators."""
    statistics = row.summary.statistics
    return IndicatorRow(
        indicator=row.indicator,
        incident_severity=row.severity,
        dimension=dimension,
        value=value,
        incidents=row.summary.incidents,
        mean=statistics.get(Statistic.MEAN),
        geometric_mean=statistics.get(Statistic.GEOMETRIC_MEAN),
        p50=statistics.get(Statistic.P50),
        p95=statistics.get(Statistic.P95),
        max=statistics.get(Statistic.MAX),
        bounds={
            Statistic.P50: _bounds(row, Statistic.P50),
            Statistic.P95: _bounds(row, Statistic.P95),
        },
        target=row.target.limit.total_seconds() if row.target else None,
        statistic=row.target.statistic if row.target else None,
        within_target_ratio=row.within_target_ratio,
        verdict=_verdict(row.verdict) if row.verdict else None,
        change=_change(row.comparison) if row.comparison else None,
    )


def _bounds(row: Row, statistic: Statistic) -> BoundsSchema:
    return BoundsSchema(**{bound: row.bounds.get((statistic, bound)) for bound in Bound})


def _verdict(verdict: TargetVerdict) -> VerdictSchema:
    lower, upper = share_bounds(verdict.within, verdict.incidents)
    return VerdictSchema(
        verdict=verdict.verdict,
        within=verdict.within,
        incidents=verdict.incidents,
        bounds=BoundsSchema(lower=lower, upper=upper),
    )


def _change(comparison: Comparison) -> ComparisonSchema:
    return ComparisonSchema(
        change=comparison.change,
        shift=comparison.shift,
        incidents=comparison.incidents,
        incidents_before=comparison.incidents_before,
        unfinished=comparison.unfinished,
    )
