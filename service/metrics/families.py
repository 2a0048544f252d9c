"""From a snapshot and statistics, of now or of the past, to metric families named by the catalogue."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from prometheus_client import Metric as Family

from service.domain.budgets import Slo
from service.domain.checks import Check
from service.domain.incident import OPEN_PHASES
from service.domain.incident_ids import public_id
from service.domain.indicators import NEEDED, Row
from service.domain.policy import Indicator, Policy, Severity, Stage
from service.domain.recovery import ResolutionSource
from service.domain.totals import IncidentCount, Total, bucket_bounds_of
from service.metrics import parts
from service.metrics.gathering import Breakdown, GroupStatistics
from service.metrics.kept import Kept
from service.metrics.measurements import Statistics
from service.metrics.parts import equal_as_same, family_of
from service.store.incidents import IncidentRow
from service.store.recent import PostmortemCounts
from service.store.snapshot import Snapshot

_CAPPED = {
    "open": "mttx_incident_detected_timestamp_seconds",
    "live": "mttx_incident_info",
    "due": "mttx_postmortem_due_timestamp_seconds",
    "actions": "mttx_action_due_timestamp_seconds",
    "unverified": "mttx_action_completed_timestamp_seconds",
    "budgets": "mttx_incident_error_budget_spent_ratio",
}
"""The metric that shows each capped list of a snapshot."""


class Families:
    """Converts a snapshot and statistics of any time to families, which come in parts.

    A part is the same object as the last time while what it shows has not changed.
    """

    def __init__(self, policy: Policy, objectives: Iterable[Slo] = ()) -> None:
        self._policy = policy
        self._measured = [
            (slo.name, severity) for slo in objectives for severity in Severity if severity in slo.severities
        ]
        self._histogram = partial(parts.histogram, bounds=bucket_bounds_of(policy))
        self._targets = list(self._of_targets())
        self._no_values = [family_of(name, ()) for name in parts.OF_VALUES]
        self._no_incidents = [family_of(name, ()) for name in parts.OF_INCIDENTS]
        self._counters: Kept[str, Family, Family] = Kept()
        self._histograms: Kept[tuple[Indicator, Severity], Sequence[Total], Family] = Kept()
        self._rows: Kept[tuple[str, Indicator, Severity | None], parts.RowValues, Sequence[Family]] = Kept()
        self._tables: Kept[parts.Value, Mapping[str, Sequence[Row]], Sequence[Family]] = Kept()
        self._numbers: Kept[parts.Value, GroupStatistics, Sequence[Family]] = Kept()
        self._open_rows: Kept[int, IncidentRow, Sequence[Family]] = Kept()
        self._live_rows: Kept[int, IncidentRow, Family] = Kept()
        self._due_rows: Kept[int, IncidentRow, Sequence[Family]] = Kept()
        self._standing: Kept[str, Family, Family] = Kept()

    def standing(self, snapshot: Snapshot, statistics: Statistics) -> Iterator[Family]:
        """Yield what is open and due, and data problems of incidents."""
        yield from self._no_incidents
        yield from self._incidents(snapshot)
        yield from equal_as_same(self._standing, self._counts(snapshot, statistics))

    # -- running totals ----------------------------------------------------------------------------------------------

    def totals(self, totals: Sequence[Total]) -> Iterator[Family]:
        """Yield the counters and histograms."""
        yield from equal_as_same(self._counters, _counters(totals))
        buckets: dict[tuple[Indicator, Severity], list[Total]] = {
            (i, s): [] for i in parts.HISTOGRAMS for s in Severity
        }
        for total in totals:
            if total.le and isinstance(total.indicator, Indicator):
                buckets[total.indicator, total.severity].append(total)
        yield from self._histograms.all_of(buckets.items(), self._histogram).values()

    # -- indicators --------------------------------------------------------------------------------------------------

    def indicators(self, groups: Mapping[Severity | None, GroupStatistics]) -> Iterator[Family]:
        """Yield the statistics over windows, and their targets, over all severities and over each."""
        yield from self._targets
        tables = ((severity, *window) for severity, group in groups.items() for window in group.tables.items())
        rows = (
            ((window, row.indicator, severity), parts.RowValues.of(row))
            for severity, window, table in tables
            for row in table
        )
        yield from chain.from_iterable(self._rows.all_of(rows, parts.of_row).values())

    def _of_targets(self) -> Iterator[Family]:
        """Yield the targets, and the families of the indicators without samples."""
        for prefix, is_overall in (("mttx_indicator", True), ("mttx_severity_indicator", False)):
            for name in parts.OF_ROWS:
                yield family_of(f"{prefix}_{name}", ())
            targets = [target for target in self._policy.targets if (target.severity is None) is is_overall]
            yield family_of(
                f"{prefix}_target_seconds",
                (
                    ((t.indicator, t.statistic, *([t.severity] if t.severity else ())), t.limit.total_seconds())
                    for t in targets
                ),
            )

    def breakdowns(self, breakdowns: Mapping[str, Breakdown]) -> Iterator[Family]:
        """Yield the statistics over windows by dimension; none of a dimension of which no incident has a value."""
        yield from self._no_values
        groups = {(label, value): group for label, b in breakdowns.items() for value, group in b.groups.items()}
        tables = ((value, group.tables) for value, group in groups.items())
        yield from chain.from_iterable(self._tables.all_of(tables, parts.of_tables).values())
        yield from chain.from_iterable(self._numbers.all_of(groups.items(), parts.of_numbers).values())

    # -- what is open and due ----------------------------------------------------------------------------------------

    def _incidents(self, snapshot: Snapshot) -> Iterator[Family]:
        open_rows, live_rows, due_rows = (
            ((row.id, row) for row in rows) for rows in (snapshot.open_rows, snapshot.live_rows, snapshot.due_rows)
        )
        yield from chain.from_iterable(self._open_rows.all_of(open_rows, parts.milestones).values())
        yield from self._live_rows.all_of(live_rows, lambda _, row: parts.info(row, self._policy.breakdown)).values()
        yield from chain.from_iterable(self._due_rows.all_of(due_rows, parts.deadlines).values())

    def _counts(self, snapshot: Snapshot, statistics: Statistics) -> Iterator[Family]:
        phases = ((s, p) for s in Severity for p in OPEN_PHASES)
        yield family_of("mttx_incidents_open", (((s, p), snapshot.open.get((s, p), 0)) for s, p in phases))
        stages = [(s, stage) for s in Severity for stage in Stage if stage in self._policy.deadlines.get(s, {})]
        for name, overdue in (("mttx_postmortems_due", False), ("mttx_postmortems_overdue", True)):
            yield family_of(name, (((s, stage), snapshot.due.get((s, stage, overdue), 0)) for s, stage in stages))
        yield from self._budgets(snapshot)
        folded = (((label,), b.values.folded) for label, b in statistics.breakdowns.items())
        yield family_of("mttx_breakdown_values_folded", folded)
        yield from _breakdown_due(snapshot, statistics.breakdowns)
        yield from _actions(snapshot)
        yield from _postmortems(snapshot, statistics.postmortems)
        yield family_of("mttx_incidents_missing_milestone", (((m,), statistics.missing.get(m, 0)) for m in NEEDED))
        yield family_of("mttx_incidents_invalid_interval", (((i,), statistics.invalid.get(i, 0)) for i in Indicator))
        yield family_of("mttx_incidents_stale", [((), snapshot.stale)])
        yield family_of("mttx_incidents_outlived_resolution", [((), statistics.outlived)])
        yield family_of("mttx_series_capped", (((_CAPPED[name],), n) for name, n in snapshot.capped.items()))

    def _budgets(self, snapshot: Snapshot) -> Iterator[Family]:
        spent = (((public_id(i), slo), spent_ratio) for (i, slo), spent_ratio in snapshot.budgets.items())
        totals = dict.fromkeys(self._measured, 0.0) | {
            (t.slo, t.severity): t.spent_ratio for t in snapshot.budget_totals
        }
        yield family_of("mttx_incident_error_budget_spent_ratio", spent)
        yield family_of("mttx_error_budget_spent_ratio_total", totals.items())


def _counters(totals: Sequence[Total]) -> Iterator[Family]:
    counted = {(t.indicator, t.severity, t.resolution_source): t.count for t in totals if not t.le}
    for count in (IncidentCount.OPENED, IncidentCount.DISMISSED):
        yield family_of(f"mttx_incidents_{count}_total", (((s,), counted.get((count, s, ""), 0)) for s in Severity))
    sources = ((s, r) for s in Severity for r in ResolutionSource)
    resolved = (((s, r), counted.get((IncidentCount.RESOLVED, s, r), 0)) for s, r in sources)
    yield family_of("mttx_incidents_resolved_total", resolved)


def _breakdown_due(snapshot: Snapshot, breakdowns: Mapping[str, Breakdown]) -> Iterator[Family]:
    overdue: Counter[tuple[str, str]] = Counter()
    for label, breakdown in breakdowns.items():
        overdue.update(dict.fromkeys(((label, name) for name in breakdown.values.names), 0))
        for value, number in snapshot.overdue_by_value.get(label, {}).items():
            overdue[label, breakdown.values.name_of(value)] += number
    yield family_of("mttx_breakdown_postmortems_overdue", overdue.items())


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
