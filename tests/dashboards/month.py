"""A month of one exporter as `promtool test rules` takes it: two replicas as job `mttx`, and the same alone as `solo`.

At the end INC-1 (SEV-3) is resolved and owes both stages of its postmortem, INC-2 (SEV-1) has been open for twenty
minutes and nobody has responded, and INC-3 (SEV-2) was acknowledged after four minutes and is still open.
"""

from dataclasses import dataclass

HOUR, DAY = 3600, 86400
NOW = 30 * DAY
HOURS = NOW // HOUR
REPLICAS = (("mttx", "a:9877"), ("mttx", "b:9877"), ("solo", "c:9877"))
SEVERITIES = ("SEV-1", "SEV-2", "SEV-3", "SEV-4")
TEAM_OF = {"INC-1": "payments", "INC-3": "search"}
VALUES_OF_TEAM = {"payments": 6, "search": 3, "other": 2, "": 1}
SOURCE, TARGET = {"source": "alertmanager"}, {"target": "grafana"}
TARGETS = {"detect": 300, "acknowledge": 600}
VERDICTS = {"detect": "missed", "acknowledge": "undecided"}
SEVERITY_TARGETS = {
    ("resolve", "mean"): {"SEV-1": 2 * HOUR, "SEV-2": 6 * HOUR},
    ("draft", "max"): {"SEV-1": 12 * HOUR, "SEV-2": 24 * HOUR, "SEV-3": 48 * HOUR},
    ("finalize", "max"): {"SEV-1": 48 * HOUR, "SEV-2": 72 * HOUR, "SEV-3": 120 * HOUR},
}
# What an hour adds: one incident of five minutes at most, one of an hour, one of four days.
BUCKETS = {"300.0": 1, "900.0": 1, "3600.0": 2, "14400.0": 2, "43200.0": 2, "86400.0": 2, "172800.0": 2, "259200.0": 2}
BUCKETS |= {"432000.0": 3, "+Inf": 3}
VALUES = {"mean": 1 * HOUR, "p50": 0.5 * HOUR, "p95": 2 * HOUR, "max": 3 * HOUR}


@dataclass(frozen=True, slots=True)
class Sample:
    metric: str
    labels: dict
    value: float
    step: float = 0
    first: int = 0
    last: int = HOURS

    def values(self):
        before = f"_x{self.first} " if self.first else ""
        after = f" _x{HOURS - self.last}" if self.last < HOURS else ""
        return f"{before}{self.value}+{self.step}x{self.last - self.first}{after}"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident with the hours in which the exporter told of each phase; it is open until it is resolved."""

    name: str
    severity: str
    detected_at: float
    acknowledged_at: float | None
    phases: dict

    @property
    def open_hours(self):
        hours = [hour for phase, span in self.phases.items() if phase != "resolved" for hour in span]
        return {"first": min(hours), "last": max(hours)}


NOW_HOUR = (HOURS, HOURS)
LONG_OVER = {"detected": (700, 700), "acknowledged": (701, 702), "mitigated": (703, 704), "resolved": (705, HOURS)}
INCIDENTS = (
    Incident("INC-1", "SEV-3", 700 * HOUR - 600, 700 * HOUR, LONG_OVER),
    Incident("INC-2", "SEV-1", NOW - 1200, None, {"detected": NOW_HOUR}),
    Incident("INC-3", "SEV-2", NOW - 2400, NOW - 2160, {"acknowledged": NOW_HOUR}),
)


def samples():
    yield from _indicators()
    yield from _dimensions()
    yield from _counts()
    yield from _incidents()
    yield from _operation()


def input_series():
    """Give the series of all replicas; a counter grows by its step every hour."""
    for sample in samples():
        for job, instance in REPLICAS:
            labels = sample.labels | {"job": job, "instance": instance}
            listed = ", ".join(f'{name}="{value}"' for name, value in labels.items())
            yield {"series": f"{sample.metric}{{{listed}}}", "values": sample.values()}


def _indicators():
    for indicator in ("detect", "acknowledge", "mitigate", "resolve", "draft", "finalize"):
        of = {"indicator": indicator, "window": "30d"}
        yield from (Sample("mttx_indicator_seconds", of | {"statistic": s}, v) for s, v in VALUES.items())
        yield Sample("mttx_indicator_incidents", of, 12)
        yield Sample("mttx_indicator_within_target_ratio", of, 0.75)
        for number, severity in enumerate(SEVERITIES, start=1):
            only = of | {"incident_severity": severity}
            for statistic, value in VALUES.items():
                yield Sample("mttx_severity_indicator_seconds", only | {"statistic": statistic}, value * number**3)
            yield Sample("mttx_severity_indicator_incidents", only, 2 * number)
            yield Sample("mttx_severity_indicator_within_target_ratio", only, 1 / number)
        for change in ("shorter", "longer", "undecided"):
            yield Sample("mttx_indicator_change", of | {"change": change}, int(change == "longer"))
    yield from _verdicts()
    for indicator, seconds in TARGETS.items():
        yield Sample("mttx_indicator_target_seconds", {"indicator": indicator, "statistic": "p95"}, seconds)
    for (indicator, statistic), seconds_of in SEVERITY_TARGETS.items():
        for severity, seconds in seconds_of.items():
            of = {"indicator": indicator, "statistic": statistic, "incident_severity": severity}
            yield Sample("mttx_severity_indicator_target_seconds", of, seconds)


def _verdicts():
    for indicator, verdict in VERDICTS.items():
        of = {"indicator": indicator, "window": "30d"}
        for name in ("met", "missed", "undecided"):
            yield Sample("mttx_indicator_verdict", of | {"verdict": name}, int(name == verdict))
        yield Sample("mttx_indicator_bound_seconds", of | {"statistic": "p95", "bound": "lower"}, HOUR)


def _dimensions():
    yield Sample("mttx_incident_error_budget_spent_ratio", {"incident": "INC-1", "slo": "checkout"}, 0.2)
    yield Sample("mttx_breakdown_values_folded", {"dimension": "team"}, 5)
    for value, incidents in VALUES_OF_TEAM.items():
        of = {"dimension": "team", "value": value}
        in_window = of | {"window": "30d"}
        yield Sample("mttx_breakdown_postmortems_overdue", of, incidents - 1)
        yield Sample("mttx_breakdown_incidents", in_window, incidents)
        yield Sample("mttx_breakdown_error_budget_spent_ratio", in_window | {"slo": "checkout"}, 0.1 * incidents)
        yield Sample("mttx_breakdown_incidents_resolved", in_window, incidents - 1)
        for indicator in ("detect", "acknowledge"):
            measured = in_window | {"indicator": indicator}
            yield Sample("mttx_breakdown_indicator_seconds", measured | {"statistic": "p95"}, HOUR * incidents)
            yield Sample("mttx_breakdown_indicator_incidents", measured, incidents)
            yield Sample("mttx_breakdown_indicator_within_target_ratio", measured, 0.5)
            for verdict in ("met", "missed", "undecided"):
                one_of_them = int(verdict == VERDICTS[indicator])
                yield Sample("mttx_breakdown_indicator_verdict", measured | {"verdict": verdict}, one_of_them)


def _counts():
    for severity in SEVERITIES:
        of = {"incident_severity": severity}
        yield Sample("mttx_incidents_opened_total", of, 0, 1)
        yield Sample("mttx_error_budget_spent_ratio_total", of | {"slo": "checkout"}, 0, 0.001)
        yield Sample("mttx_incidents_dismissed_total", of, 0, 1)
        yield Sample("mttx_incidents_resolved_total", of | {"resolution_source": "alerts"}, 0, 1)
        yield from (
            Sample("mttx_incidents_open", of | {"phase": phase}, 1)
            for phase in ("detected", "acknowledged", "mitigated")
        )
        for bucket, count in BUCKETS.items():
            for indicator in ("detect", "acknowledge", "mitigate", "resolve"):
                yield Sample(f"mttx_time_to_{indicator}_seconds_bucket", of | {"le": bucket}, 0, count)
            for stage in ("draft", "final"):
                lead = of | {"le": bucket, "stage": stage}
                yield Sample("mttx_postmortem_lead_time_seconds_bucket", lead, 0, count)
        for stage in ("draft", "final"):
            yield Sample("mttx_postmortems_due", of | {"stage": stage}, 2)
            yield Sample("mttx_postmortems_overdue", of | {"stage": stage}, 1)
    yield Sample("mttx_incidents_stale", {}, 1)
    yield Sample("mttx_incidents_missing_milestone", {"milestone": "started"}, 4)
    yield Sample("mttx_incidents_invalid_interval", {"indicator": "detect"}, 1)
    for kind in ("Code", "Config"):
        yield Sample("mttx_actions_open", {"action_type": kind}, 3)
        yield Sample("mttx_actions_overdue", {"action_type": kind}, 1)
        yield Sample("mttx_actions_unverified", {"action_type": kind}, 1)
        yield Sample("mttx_actions_verified", {"action_type": kind}, 2)
    yield Sample("mttx_postmortem_checks_failed", {"incident_severity": "SEV-2", "check": "evidence"}, 1)
    done = {"incident": "INC-2", "action": "A-02", "action_type": "Config"}
    yield Sample("mttx_action_completed_timestamp_seconds", done, NOW - DAY)
    of = {"incident": "INC-3", "action": "A-01", "action_type": "Code"}
    yield Sample("mttx_action_due_timestamp_seconds", of, NOW + DAY)


def _incidents():
    for incident in INCIDENTS:
        of = {"incident": incident.name, "incident_severity": incident.severity}
        labels = of | {"incident_type": "data", "title": "late", "incident_team": TEAM_OF.get(incident.name, "")}
        for phase, (first, last) in incident.phases.items():
            yield Sample("mttx_incident_info", labels | {"phase": phase}, 1, first=first, last=last)
        for milestone, instant in (
            ("started", incident.detected_at - 120),
            ("detected", incident.detected_at),
            ("acknowledged", incident.acknowledged_at),
        ):
            if instant:
                yield Sample(f"mttx_incident_{milestone}_timestamp_seconds", of, instant, **incident.open_hours)
        for stage, allowance in (("draft", 48 * HOUR), ("final", 120 * HOUR)):
            yield Sample("mttx_postmortem_due_timestamp_seconds", of | {"stage": stage}, NOW + allowance / 4)
            yield Sample("mttx_postmortem_deadline_seconds", of | {"stage": stage}, allowance)


def _operation():
    yield Sample("mttx_webhook_requests_total", SOURCE, 0, 9)
    yield Sample("mttx_webhook_failures_total", SOURCE | {"reason": "payload"}, 0, 1)
    yield Sample("mttx_webhook_failures_total", SOURCE | {"reason": "busy"}, 0)
    yield Sample("mttx_alerts_ignored_total", SOURCE | {"reason": "severity"}, 0, 1)
    yield Sample("mttx_alerts_truncated_total", SOURCE, 0, 1)
    yield Sample("mttx_last_webhook_timestamp_seconds", SOURCE, NOW - 60)
    yield Sample("mttx_outbox_pending", TARGET, 1)
    yield Sample("mttx_outbox_stopped", TARGET, 1)
    yield Sample("mttx_outbox_oldest_timestamp_seconds", TARGET, NOW - 60)
    yield Sample("mttx_outbox_deliveries_total", TARGET, 0, 9)
    yield Sample("mttx_outbox_failures_total", TARGET | {"reason": "timeout"}, 0, 1)
    yield Sample("mttx_series_capped", {"metric": "mttx_incident_info"}, 0)
    for counter in ("scrape_errors_total", "recorder_commits_total", "store_errors_total"):
        yield Sample(f"mttx_{counter}", {}, 0, 1)
    yield Sample("mttx_recorder_commit_seconds_sum", {}, 0, 0.01)
    yield Sample("mttx_recorder_commit_seconds_count", {}, 0, 1)
    yield Sample("mttx_scrape_duration_seconds", {}, 0.002)
    yield Sample("mttx_recorder_queue_length", {}, 0)
    yield Sample("mttx_build_info", {"version": "1.0.0"}, 1)
    yield Sample("python_info", {"version": "3.12.1"}, 1)
    yield Sample("up", {}, 1)
    yield Sample("process_resident_memory_bytes", {}, 7e7)
