"""The parts of families: what is made of one row, one value or one incident, and so changes with it alone."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Exemplar

from service.domain.breakdown import NO_VALUE, Dimension
from service.domain.comparison import WindowChange
from service.domain.incident_ids import public_id
from service.domain.indicators import Row, Summary
from service.domain.policy import Indicator, Milestone, Severity, Stage, Statistic
from service.domain.totals import INFINITE, Total
from service.domain.verdicts import Bound, Verdict
from service.metrics.catalogue import BY_NAME, Kind
from service.metrics.gathering import GroupStatistics
from service.metrics.kept import Kept
from service.store.incidents import IncidentRow

LONGEST_TITLE = 120
HISTOGRAMS: dict[Indicator, tuple[str, str]] = {
    Indicator.DETECT: ("mttx_time_to_detect_seconds", ""),
    Indicator.ACKNOWLEDGE: ("mttx_time_to_acknowledge_seconds", ""),
    Indicator.MITIGATE: ("mttx_time_to_mitigate_seconds", ""),
    Indicator.RESOLVE: ("mttx_time_to_resolve_seconds", ""),
    Indicator.DRAFT: ("mttx_postmortem_lead_time_seconds", Stage.DRAFT.value),
    Indicator.FINALIZE: ("mttx_postmortem_lead_time_seconds", Stage.FINAL.value),
}
"""The metric of each indicator and its second label (the stage of a lead time)."""
_MILESTONE_METRICS = {
    milestone: f"mttx_incident_{milestone}_timestamp_seconds"
    for milestone in (Milestone.STARTED, Milestone.DETECTED, Milestone.ACKNOWLEDGED)
}
OF_INCIDENTS = (
    *_MILESTONE_METRICS.values(),
    "mttx_incident_info",
    "mttx_postmortem_due_timestamp_seconds",
    "mttx_postmortem_deadline_seconds",
)
OF_ROWS = ("seconds", "incidents", "within_target_ratio", "verdict", "bound_seconds", "change")
OF_VALUES = (
    "mttx_breakdown_indicator_seconds",
    "mttx_breakdown_indicator_incidents",
    "mttx_breakdown_indicator_within_target_ratio",
    "mttx_breakdown_indicator_verdict",
    "mttx_breakdown_incidents",
    "mttx_breakdown_incidents_resolved",
    "mttx_breakdown_error_budget_spent_ratio",
)
"""What may have no samples; the names of `OF_ROWS` follow a prefix."""
Bucket = tuple[str, float] | tuple[str, float, Exemplar]
Series = Iterable[tuple[Sequence[str], float]]


def family_of(name: str, series: Series, dimensions: Sequence[Dimension] = ()) -> Family:
    """Return a counter or gauge family with the catalogue's name, help and labels, and those of dimensions."""
    metric = BY_NAME[name]
    make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(name, metric.help, labels=(*metric.labels, *(f"incident_{d.label}" for d in dimensions)))
    for labels, value in series:
        family.add_metric(labels, value)
    return family


def joined(parts: Iterable[Family]) -> list[Family]:
    """Return whole families, each where its first part is."""
    families: dict[str, Family] = {}
    for part in parts:
        if part.name not in families:
            families[part.name] = Family(part.name, part.documentation, part.type)
        families[part.name].samples += part.samples
    return list(families.values())


def equal_as_same(kept: Kept[str, Family, Family], families: Iterable[Family]) -> Iterable[Family]:
    """Return the families; one that equals the last of its name is the same object."""
    return kept.all_of(((family.name, family) for family in families), lambda _, family: family).values()


# -- of a total, a row, a value --------------------------------------------------------------------------------------


def histogram(of: tuple[Indicator, Severity], buckets: Sequence[Total], bounds: Sequence[int]) -> Family:
    """Return the histogram of an indicator and a severity."""
    indicator, severity = of
    name, stage = HISTOGRAMS[indicator]
    family = HistogramMetricFamily(name, BY_NAME[name].help, labels=BY_NAME[name].labels)
    family.add_metric((severity, stage) if stage else (severity,), *_cumulated(buckets, bounds))
    return family


def _cumulated(buckets: Sequence[Total], bounds: Sequence[int]) -> tuple[list[Bucket], float]:
    """Return cumulative buckets and the sum; totals of a bound no longer in use count in the next one."""
    remaining = sorted(buckets, key=lambda total: total.le)
    cumulated: list[Bucket] = []
    count = 0
    for bound in (*bounds, INFINITE):
        exemplar = None
        while remaining and remaining[0].le <= bound:
            total = remaining.pop(0)
            count += total.count
            exemplar = _exemplar(total) or exemplar
        le = "+Inf" if bound == INFINITE else str(float(bound))
        cumulated.append((le, count, exemplar) if exemplar else (le, count))
    return cumulated, sum(total.seconds for total in buckets)


def _exemplar(total: Total) -> Exemplar | None:
    if total.exemplar_incident is None or total.exemplar_seconds is None or total.exemplar_at is None:
        return None
    labels = {"incident": public_id(total.exemplar_incident)}
    return Exemplar(labels, total.exemplar_seconds, total.exemplar_at.timestamp())


class RowValues(NamedTuple):
    """What the metrics show of a row."""

    summary: Summary
    within_target_ratio: float | None
    verdict: Verdict | None
    bounds: Mapping[tuple[Statistic, Bound], float]
    change: WindowChange | None

    @classmethod
    def of(cls, row: Row) -> "RowValues":
        """Return what is shown of a row."""
        verdict = row.verdict.verdict if row.verdict else None
        change = row.comparison.change if row.comparison else None
        return cls(row.summary, row.within_target_ratio, verdict, row.bounds, change)


def of_row(of: tuple[str, Indicator, Severity | None], values: RowValues) -> Sequence[Family]:
    """Return an indicator of all severities or of one, in a window."""
    window, indicator, severity = of
    prefix, last = ("mttx_indicator", ()) if severity is None else ("mttx_severity_indicator", (severity,))

    def part(name: str, series: Series) -> Family:
        labelled = (((indicator, window, *labels, *last), value) for labels, value in series)
        return family_of(f"{prefix}_{name}", labelled)

    return [
        part("seconds", (((statistic,), value) for statistic, value in values.summary.statistics.items())),
        part("incidents", [((), values.summary.incidents)]),
        part("within_target_ratio", () if values.within_target_ratio is None else [((), values.within_target_ratio)]),
        part("verdict", _one_of(Verdict, values.verdict)),
        part("bound_seconds", values.bounds.items()),
        part("change", _one_of(WindowChange, values.change)),
    ]


def _one_of(members: type[StrEnum], member: StrEnum | None) -> list[tuple[tuple[str], int]]:
    """Return a series for each member, 1 for this one; none without one."""
    return [((m,), int(m is member)) for m in members if member is not None]


Value = tuple[str, str]
"""A dimension's label and a value of it."""


def of_tables(value: Value, tables: Mapping[str, Sequence[Row]]) -> Sequence[Family]:
    """Return the indicators of a dimension's value."""
    rows = [((*value, row.indicator, window), row) for window, table in tables.items() for row in table]
    ratios = ((key, row.within_target_ratio) for key, row in rows)
    return [
        family_of(
            "mttx_breakdown_indicator_seconds",
            (((*key, name), seconds) for key, row in rows for name, seconds in row.summary.statistics.items()),
        ),
        family_of("mttx_breakdown_indicator_incidents", ((key, row.summary.incidents) for key, row in rows)),
        family_of(
            "mttx_breakdown_indicator_within_target_ratio", ((key, ratio) for key, ratio in ratios if ratio is not None)
        ),
        family_of(
            "mttx_breakdown_indicator_verdict",
            (
                ((*key, *verdict), is_it)
                for key, row in rows
                if row.verdict
                for verdict, is_it in _one_of(Verdict, row.verdict.verdict)
            ),
        ),
    ]


def of_numbers(value: Value, group: GroupStatistics) -> Sequence[Family]:
    """Return the numbers of a dimension's value, and what it spent of error budgets."""
    counts = [((*value, window), count) for window, count in group.counts.items()]
    budgets = (((*value, slo, w), ratio) for w, spent in group.budgets.items() for slo, ratio in spent.items())
    return [
        family_of("mttx_breakdown_incidents", ((key, count.incidents) for key, count in counts)),
        family_of("mttx_breakdown_incidents_resolved", ((key, count.resolved) for key, count in counts)),
        family_of("mttx_breakdown_error_budget_spent_ratio", budgets),
    ]


# -- of an incident --------------------------------------------------------------------------------------------------


def info(row: IncidentRow, dimensions: Sequence[Dimension]) -> Family:
    """Return the labels of an incident."""
    values = (row.dimensions.get(dimension.label, NO_VALUE) for dimension in dimensions)
    labels = (*_incident(row), ",".join(row.types), row.title[:LONGEST_TITLE], row.phase, *values)
    return family_of("mttx_incident_info", [(labels, 1)], dimensions)


def milestones(_: int, row: IncidentRow) -> Sequence[Family]:
    """Return the times of an open incident."""
    return [
        family_of(_MILESTONE_METRICS[milestone], [(_incident(row), row.milestones[milestone].timestamp())])
        for milestone in _MILESTONE_METRICS
        if milestone in row.milestones
    ]


def deadlines(_: int, row: IncidentRow) -> Sequence[Family]:
    """Return when the outstanding stages of an incident are due."""
    due = [((*_incident(row), stage), at) for stage, at in row.due.items()]
    return [
        family_of("mttx_postmortem_due_timestamp_seconds", ((labels, at.timestamp()) for labels, at in due)),
        family_of(
            "mttx_postmortem_deadline_seconds",
            ((labels, (at - row.deadlines_from).total_seconds()) for labels, at in due),
        ),
    ]


def _incident(row: IncidentRow) -> tuple[str, str]:
    return public_id(row.id), row.severity
