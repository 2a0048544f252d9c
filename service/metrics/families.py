"""From a snapshot and statistics, of now or of the past, to metric families named by the catalogue."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import Metric as Family
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.samples import Exemplar

from service.domain.breakdown import NO_VALUE, Dimension
from service.domain.budgets import Slo
from service.domain.checks import Check
from service.domain.comparison import WindowChange
from service.domain.incident import OPEN_PHASES
from service.domain.incident_ids import public_id
from service.domain.indicators import NEEDED, Row
from service.domain.policy import Indicator, Milestone, Policy, Severity, Stage, Target
from service.domain.recovery import ResolutionSource
from service.domain.totals import INFINITE, IncidentCount, Total, bucket_bounds_of
from service.domain.verdicts import Verdict
from service.metrics.catalogue import BY_NAME, Kind
from service.metrics.gathering import Breakdown
from service.metrics.measurements import Statistics
from service.store.incidents import IncidentRow
from service.store.recent import PostmortemCounts
from service.store.snapshot import Snapshot

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

_CAPPED = {
    "open": "mttx_incident_detected_timestamp_seconds",
    "live": "mttx_incident_info",
    "due": "mttx_postmortem_due_timestamp_seconds",
    "actions": "mttx_action_due_timestamp_seconds",
    "unverified": "mttx_action_completed_timestamp_seconds",
    "budgets": "mttx_incident_error_budget_spent_ratio",
}
"""The metric that shows each capped list of a snapshot."""
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


class Families:
    """Converts a snapshot and statistics of any time to families."""

    def __init__(self, policy: Policy, objectives: Iterable[Slo] = ()) -> None:
        self._policy = policy
        self._measured = [
            (slo.name, severity) for slo in objectives for severity in Severity if severity in slo.severities
        ]
        self._bounds = bucket_bounds_of(policy)

    def standing(self, snapshot: Snapshot, statistics: Statistics) -> Iterator[Family]:
        """Yield what is open and due, and data problems of incidents."""
        yield from self._open(snapshot)
        yield from self._due(snapshot)
        yield from self._budgets(snapshot)
        yield from _breakdown_due(snapshot, statistics.breakdowns)
        yield from _actions(snapshot)
        yield from _postmortems(snapshot, statistics.postmortems)
        yield family_of("mttx_incidents_missing_milestone", (((m,), statistics.missing.get(m, 0)) for m in NEEDED))
        yield family_of("mttx_incidents_invalid_interval", (((i,), statistics.invalid.get(i, 0)) for i in Indicator))
        yield family_of("mttx_incidents_stale", [((), snapshot.stale)])
        yield family_of("mttx_incidents_outlived_resolution", [((), statistics.outlived)])
        yield family_of("mttx_series_capped", (((_CAPPED[name],), n) for name, n in snapshot.capped.items()))

    # -- running totals ----------------------------------------------------------------------------------------------

    def totals(self, totals: Sequence[Total]) -> Iterator[Family]:
        """Yield the counters and histograms."""
        counted = {(t.indicator, t.severity, t.resolution_source): t.count for t in totals if not t.le}
        for count in (IncidentCount.OPENED, IncidentCount.DISMISSED):
            yield family_of(f"mttx_incidents_{count}_total", (((s,), counted.get((count, s, ""), 0)) for s in Severity))
        sources = ((s, r) for s in Severity for r in ResolutionSource)
        resolved = (((s, r), counted.get((IncidentCount.RESOLVED, s, r), 0)) for s, r in sources)
        yield family_of("mttx_incidents_resolved_total", resolved)
        buckets: dict[tuple[str, Severity], list[Total]] = defaultdict(list)
        for total in totals:
            if total.le:
                buckets[total.indicator, total.severity].append(total)
        families: dict[str, HistogramMetricFamily] = {}
        for indicator, (name, stage) in HISTOGRAMS.items():
            metric = BY_NAME[name]
            family = families.setdefault(name, HistogramMetricFamily(name, metric.help, labels=metric.labels))
            for severity in Severity:
                labels = (severity, stage) if stage else (severity,)
                family.add_metric(labels, *self._cumulated(buckets.get((indicator, severity), [])))
        yield from families.values()

    def _cumulated(self, buckets: Sequence[Total]) -> tuple[list[Bucket], float]:
        """Return cumulative buckets and the sum; totals of a bound no longer in use count in the next one."""
        remaining = sorted(buckets, key=lambda total: total.le)
        cumulated: list[Bucket] = []
        count = 0
        for bound in (*self._bounds, INFINITE):
            exemplar = None
            while remaining and remaining[0].le <= bound:
                total = remaining.pop(0)
                count += total.count
                exemplar = _exemplar(total) or exemplar
            le = "+Inf" if bound == INFINITE else str(float(bound))
            cumulated.append((le, count, exemplar) if exemplar else (le, count))
        return cumulated, sum(total.seconds for total in buckets)

    # -- indicators --------------------------------------------------------------------------------------------------

    def indicators(self, statistics: Statistics) -> Iterator[Family]:
        """Yield the statistics over windows, and their targets: first over all severities, then over each."""
        for prefix, is_overall in (("mttx_indicator", True), ("mttx_severity_indicator", False)):
            rows = [
                ((row.indicator, window), _severity(row), row)
                for window, table in statistics.tables.items()
                for row in table
                if (row.severity is None) is is_overall
            ]
            seconds = (
                ((*key, name, *severity), value)
                for key, severity, row in rows
                for name, value in row.summary.statistics.items()
            )
            yield family_of(f"{prefix}_seconds", seconds)
            yield family_of(f"{prefix}_incidents", (((*key, *s), row.summary.incidents) for key, s, row in rows))
            ratios = [((*key, *severity), row.within_target_ratio) for key, severity, row in rows]
            yield family_of(
                f"{prefix}_within_target_ratio", ((labels, ratio) for labels, ratio in ratios if ratio is not None)
            )
            yield from _shown(prefix, rows)
            targets = [target for target in self._policy.targets if (target.severity is None) is is_overall]
            yield family_of(
                f"{prefix}_target_seconds",
                (((t.indicator, t.statistic, *_severity(t)), t.limit.total_seconds()) for t in targets),
            )

    def breakdowns(self, breakdowns: Mapping[str, Breakdown]) -> Iterator[Family]:
        """Yield the statistics over windows by dimension; none of a dimension of which no incident has a value."""
        rows = [
            ((label, value, row.indicator, window), row)
            for label, breakdown in breakdowns.items()
            for window, tables in breakdown.tables.items()
            for value, table in tables.items()
            for row in table
        ]
        counts = [
            ((label, value, window), count)
            for label, breakdown in breakdowns.items()
            for window, by_value in breakdown.counts.items()
            for value, count in by_value.items()
        ]
        statistics = (((*key, name), value) for key, row in rows for name, value in row.summary.statistics.items())
        ratios = ((key, ratio) for key, row in rows if (ratio := row.within_target_ratio) is not None)
        folded = (((label,), breakdown.values.folded) for label, breakdown in breakdowns.items())
        yield family_of("mttx_breakdown_indicator_seconds", statistics)
        yield family_of("mttx_breakdown_indicator_incidents", ((key, row.summary.incidents) for key, row in rows))
        yield family_of("mttx_breakdown_indicator_within_target_ratio", ratios)
        yield family_of("mttx_breakdown_indicator_verdict", _verdicts([(key, (), row) for key, row in rows]))
        yield family_of("mttx_breakdown_incidents", ((key, count.incidents) for key, count in counts))
        yield family_of("mttx_breakdown_incidents_resolved", ((key, count.resolved) for key, count in counts))
        yield family_of("mttx_breakdown_values_folded", folded)
        yield family_of(
            "mttx_breakdown_error_budget_spent_ratio",
            (
                ((label, value, slo, window), spent_ratio)
                for label, breakdown in breakdowns.items()
                for window, by_value in breakdown.budgets.items()
                for (value, slo), spent_ratio in by_value.items()
            ),
        )

    # -- what is open and due ----------------------------------------------------------------------------------------

    def _open(self, snapshot: Snapshot) -> Iterator[Family]:
        phases = ((s, p) for s in Severity for p in OPEN_PHASES)
        yield family_of("mttx_incidents_open", (((s, p), snapshot.open.get((s, p), 0)) for s, p in phases))
        for milestone in (Milestone.STARTED, Milestone.DETECTED, Milestone.ACKNOWLEDGED):
            yield family_of(
                f"mttx_incident_{milestone}_timestamp_seconds",
                (
                    (_incident(w), w.milestones[milestone].timestamp())
                    for w in snapshot.open_rows
                    if milestone in w.milestones
                ),
            )
        dimensions = self._policy.breakdown
        info = (
            (*_incident(w), ",".join(w.types), w.title[:LONGEST_TITLE], w.phase, *_values(w, dimensions))
            for w in snapshot.live_rows
        )
        yield family_of("mttx_incident_info", ((labels, 1) for labels in info), dimensions)

    def _budgets(self, snapshot: Snapshot) -> Iterator[Family]:
        spent = (((public_id(i), slo), spent_ratio) for (i, slo), spent_ratio in snapshot.budgets.items())
        totals = dict.fromkeys(self._measured, 0.0) | {
            (t.slo, t.severity): t.spent_ratio for t in snapshot.budget_totals
        }
        yield family_of("mttx_incident_error_budget_spent_ratio", spent)
        yield family_of("mttx_error_budget_spent_ratio_total", totals.items())

    def _due(self, snapshot: Snapshot) -> Iterator[Family]:
        owing = [(w, stage, due) for w in snapshot.due_rows for stage, due in w.due.items()]
        yield family_of(
            "mttx_postmortem_due_timestamp_seconds", (((*_incident(w), s), due.timestamp()) for w, s, due in owing)
        )
        yield family_of(
            "mttx_postmortem_deadline_seconds",
            (((*_incident(w), s), (due - w.deadlines_from).total_seconds()) for w, s, due in owing),
        )
        stages = [(s, stage) for s in Severity for stage in Stage if stage in self._policy.deadlines.get(s, {})]
        for name, overdue in (("mttx_postmortems_due", False), ("mttx_postmortems_overdue", True)):
            yield family_of(name, (((s, stage), snapshot.due.get((s, stage, overdue), 0)) for s, stage in stages))


_Rows = Sequence[tuple[tuple[str, ...], tuple[str, ...], Row]]
"""Rows with the first labels of their series, and the last ones."""


def _shown(prefix: str, rows: _Rows) -> Iterator[Family]:
    """Yield what the samples show: verdicts, bounds and changes."""
    yield family_of(f"{prefix}_verdict", _verdicts(rows))
    bounds = (
        ((*key, *bound, *severity), seconds) for key, severity, row in rows for bound, seconds in row.bounds.items()
    )
    yield family_of(f"{prefix}_bound_seconds", bounds)
    changes = ((key, severity, row.comparison.change) for key, severity, row in rows if row.comparison)
    yield family_of(
        f"{prefix}_change", (((*key, c, *s), int(c is change)) for key, s, change in changes for c in WindowChange)
    )


def _verdicts(rows: _Rows) -> Series:
    verdicts = ((key, severity, row.verdict.verdict) for key, severity, row in rows if row.verdict)
    return (((*key, v, *severity), int(v is verdict)) for key, severity, verdict in verdicts for v in Verdict)


def _breakdown_due(snapshot: Snapshot, breakdowns: Mapping[str, Breakdown]) -> Iterator[Family]:
    overdue: Counter[tuple[str, str]] = Counter()
    for label, breakdown in breakdowns.items():
        overdue.update(dict.fromkeys(((label, name) for name in breakdown.values.names), 0))
        for value, number in snapshot.overdue_by_value.get(label, {}).items():
            overdue[label, breakdown.values.name_of(value)] += number
    yield family_of("mttx_breakdown_postmortems_overdue", overdue.items())


def _severity(subject: Row | Target) -> tuple[str, ...]:
    return () if subject.severity is None else (subject.severity,)


def _values(row: IncidentRow, dimensions: Iterable[Dimension]) -> Iterator[str]:
    return (row.dimensions.get(dimension.label, NO_VALUE) for dimension in dimensions)


def _incident(row: IncidentRow) -> tuple[str, str]:
    return public_id(row.id), row.severity


def _exemplar(total: Total) -> Exemplar | None:
    if total.exemplar_incident is None or total.exemplar_seconds is None or total.exemplar_at is None:
        return None
    labels = {"incident": public_id(total.exemplar_incident)}
    return Exemplar(labels, total.exemplar_seconds, total.exemplar_at.timestamp())


def _actions(snapshot: Snapshot) -> Iterator[Family]:
    types = sorted({action_type for action_type, _ in snapshot.actions})
    late = {t: snapshot.actions.get((t, True), 0) for t in types}
    yield family_of("mttx_actions_open", (((t,), late[t] + snapshot.actions.get((t, False), 0)) for t in types))
    yield family_of("mttx_actions_overdue", (((t,), late[t]) for t in types))
    yield family_of(
        "mttx_action_due_timestamp_seconds",
        (((public_id(a.incident_id), a.action_id, a.action_type), a.at.timestamp()) for a in snapshot.due_actions),
    )


def _postmortems(snapshot: Snapshot, counts: PostmortemCounts) -> Iterator[Family]:
    types = sorted({t for t, _ in snapshot.actions} | {*snapshot.unverified, *counts.verified})
    yield family_of("mttx_actions_unverified", (((t,), snapshot.unverified.get(t, 0)) for t in types))
    yield family_of("mttx_actions_verified", (((t,), counts.verified.get(t, 0)) for t in types))
    waiting = snapshot.unverified_actions
    yield family_of(
        "mttx_action_completed_timestamp_seconds",
        (((public_id(a.incident_id), a.action_id, a.action_type), a.at.timestamp()) for a in waiting),
    )
    checks = ((s, check) for s in Severity for check in Check)
    yield family_of("mttx_postmortem_checks_failed", (((s, c), counts.checks_failed.get((s, c), 0)) for s, c in checks))
