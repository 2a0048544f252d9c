"""Every metric with its type, labels and definition: the table behind the collectors and docs/metrics.md."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is as in queries (a counter with `_total`). `shared` metrics come from the store.

    With `dimensions` it has a label more for each that is configured: `incident_team` for `team`.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    shared: bool = True
    dimensions: bool = False


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_SEVERITY = ("incident_severity",)
_INCIDENT = ("incident", "incident_severity")
_VALUE = ("dimension", "value")
_OWED = ("incident", "incident_severity", "stage")
_ONE_SAMPLE = "One sample per incident, taken once its resolution is final; none if a milestone is missing."
_VERDICT = (
    "1 for met, missed, or undecided if there are too few, and 0 for the other two. Only for targets for a p50 or p95; "
    "open incidents that have passed the target count as outside."
)
_BOUND = "Bound of the p50 or p95, which lies between both in at least 95% of cases; absent with too few samples."
_CHANGE = (
    "How the samples differ from those of the window before: 1 for shorter, longer, or undecided if it may be chance "
    "(p >= 0.05), and 0 for the other two."
)

METRICS: tuple[Metric, ...] = (
    Metric("mttx_time_to_detect_seconds", _H, _SEVERITY, f"Start of impact to detection (MTTD). {_ONE_SAMPLE}"),
    Metric(
        "mttx_time_to_acknowledge_seconds",
        _H,
        _SEVERITY,
        f"Detection to the first human response (MTTA). {_ONE_SAMPLE}",
    ),
    Metric("mttx_time_to_mitigate_seconds", _H, _SEVERITY, f"Detection to mitigation. {_ONE_SAMPLE}"),
    Metric(
        "mttx_time_to_resolve_seconds",
        _H,
        _SEVERITY,
        f"Detection (or start, as configured) to recovery (MTTR). {_ONE_SAMPLE} Stale resolutions are not sampled.",
    ),
    Metric(
        "mttx_postmortem_lead_time_seconds",
        _H,
        (*_SEVERITY, "stage"),
        "Start of impact to the postmortem draft or final version; one sample per stage, taken when it is reached.",
    ),
    Metric("mttx_incidents_opened_total", _C, _SEVERITY, "Incidents opened, by their initial severity."),
    Metric(
        "mttx_incidents_resolved_total",
        _C,
        (*_SEVERITY, "resolution_source"),
        "Incidents resolved, counted once each, by resolution source: alerts, human, automation or stale.",
    ),
    Metric("mttx_incidents_dismissed_total", _C, _SEVERITY, "Incidents dismissed as false alarms, counted once each."),
    Metric(
        "mttx_indicator_seconds",
        _G,
        ("indicator", "window", "statistic"),
        "Statistic of an indicator over all incidents detected in the window; absent without samples.",
    ),
    Metric(
        "mttx_severity_indicator_seconds",
        _G,
        ("indicator", "window", "statistic", "incident_severity"),
        "Statistic of an indicator over the incidents of one severity detected in the window; absent without samples.",
    ),
    Metric("mttx_indicator_incidents", _G, ("indicator", "window"), "Number of samples in mttx_indicator_seconds."),
    Metric(
        "mttx_severity_indicator_incidents",
        _G,
        ("indicator", "window", "incident_severity"),
        "Number of samples in mttx_severity_indicator_seconds.",
    ),
    Metric(
        "mttx_indicator_within_target_ratio",
        _G,
        ("indicator", "window"),
        "Ratio (0 to 1) of samples within the target for all severities; absent without samples or target.",
    ),
    Metric(
        "mttx_severity_indicator_within_target_ratio",
        _G,
        ("indicator", "window", "incident_severity"),
        "Ratio (0 to 1) of samples within the severity's target; absent without samples or target.",
    ),
    Metric(
        "mttx_indicator_target_seconds", _G, ("indicator", "statistic"), "Target for a statistic over all severities."
    ),
    Metric(
        "mttx_severity_indicator_target_seconds",
        _G,
        ("indicator", "statistic", "incident_severity"),
        "Target for a statistic over one severity.",
    ),
    Metric(
        "mttx_indicator_verdict",
        _G,
        ("indicator", "window", "verdict"),
        f"What the samples show about the target for all severities. {_VERDICT}",
    ),
    Metric("mttx_indicator_bound_seconds", _G, ("indicator", "window", "statistic", "bound"), _BOUND),
    Metric("mttx_indicator_change", _G, ("indicator", "window", "change"), _CHANGE),
    Metric(
        "mttx_severity_indicator_verdict",
        _G,
        ("indicator", "window", "verdict", "incident_severity"),
        f"What the samples show about the severity's target. {_VERDICT}",
    ),
    Metric(
        "mttx_severity_indicator_bound_seconds",
        _G,
        ("indicator", "window", "statistic", "bound", "incident_severity"),
        _BOUND,
    ),
    Metric("mttx_severity_indicator_change", _G, ("indicator", "window", "change", "incident_severity"), _CHANGE),
    Metric(
        "mttx_breakdown_indicator_seconds",
        _G,
        (*_VALUE, "indicator", "window", "statistic"),
        "Statistic of an indicator over the incidents of one value of a dimension (a team); absent without samples.",
    ),
    Metric(
        "mttx_breakdown_indicator_incidents",
        _G,
        (*_VALUE, "indicator", "window"),
        "Number of samples in mttx_breakdown_indicator_seconds.",
    ),
    Metric(
        "mttx_breakdown_indicator_within_target_ratio",
        _G,
        (*_VALUE, "indicator", "window"),
        "Ratio (0 to 1) of samples within the target for all severities; absent without samples or target.",
    ),
    Metric(
        "mttx_breakdown_indicator_verdict",
        _G,
        (*_VALUE, "indicator", "window", "verdict"),
        f"What the samples show about the target for all severities. {_VERDICT}",
    ),
    Metric(
        "mttx_breakdown_incidents",
        _G,
        (*_VALUE, "window"),
        "Incidents detected in the window, without dismissed ones, by their value of a dimension.",
    ),
    Metric(
        "mttx_breakdown_incidents_resolved",
        _G,
        (*_VALUE, "window"),
        "Those of mttx_breakdown_incidents that are resolved.",
    ),
    Metric(
        "mttx_breakdown_postmortems_overdue",
        _G,
        _VALUE,
        "Outstanding postmortem stages that are overdue, by the incident's value of a dimension.",
    ),
    Metric(
        "mttx_breakdown_values_folded",
        _G,
        ("dimension",),
        "Values of a dimension that are counted together as other, because they are less frequent than those named.",
    ),
    Metric(
        "mttx_breakdown_error_budget_spent_ratio",
        _G,
        (*_VALUE, "slo", "window"),
        "Share of an error budget that the incidents detected in the window spent, by their value of a dimension; 1 is "
        "the whole budget.",
    ),
    Metric(
        "mttx_incident_error_budget_spent_ratio",
        _G,
        ("incident", "slo"),
        "Share of an error budget that an incident of the last 30 days spent; 1 is the whole budget.",
    ),
    Metric(
        "mttx_error_budget_spent_ratio_total",
        _C,
        ("slo", *_SEVERITY),
        "Share of an error budget that incidents spent, by their severity when it was first measured, which counts.",
    ),
    Metric("mttx_incidents_open", _G, (*_SEVERITY, "phase"), "Open incidents, by phase."),
    Metric(
        "mttx_incident_started_timestamp_seconds",
        _G,
        _INCIDENT,
        "Start of impact of an open incident; absent if unknown.",
    ),
    Metric("mttx_incident_detected_timestamp_seconds", _G, _INCIDENT, "Time of detection of an open incident."),
    Metric(
        "mttx_incident_acknowledged_timestamp_seconds",
        _G,
        _INCIDENT,
        "Time of the first human response to an open incident; absent until then.",
    ),
    Metric(
        "mttx_incident_info",
        _G,
        ("incident", "incident_severity", "incident_type", "title", "phase"),
        "Always 1; one series per incident that is open or has a postmortem or an action outstanding.",
        dimensions=True,
    ),
    Metric(
        "mttx_postmortem_due_timestamp_seconds", _G, _OWED, "Due time of a postmortem stage; absent once it is reached."
    ),
    Metric(
        "mttx_postmortem_deadline_seconds",
        _G,
        _OWED,
        "Time allowed for a postmortem stage, from the start of impact (or detection) to its due time.",
    ),
    Metric("mttx_postmortems_due", _G, (*_SEVERITY, "stage"), "Outstanding postmortem stages that are not overdue."),
    Metric("mttx_postmortems_overdue", _G, (*_SEVERITY, "stage"), "Outstanding postmortem stages that are overdue."),
    Metric("mttx_actions_open", _G, ("action_type",), "Actions not completed."),
    Metric("mttx_actions_overdue", _G, ("action_type",), "Actions not completed and past their due date."),
    Metric(
        "mttx_action_due_timestamp_seconds",
        _G,
        ("incident", "action", "action_type"),
        "Due time of an action that is not completed.",
    ),
    Metric("mttx_actions_unverified", _G, ("action_type",), "Actions completed but not yet verified."),
    Metric(
        "mttx_action_completed_timestamp_seconds",
        _G,
        ("incident", "action", "action_type"),
        "Completion time of an action that is not yet verified; absent once it is.",
    ),
    Metric("mttx_actions_verified", _G, ("action_type",), "Actions verified in the longest window."),
    Metric(
        "mttx_postmortem_checks_failed",
        _G,
        (*_SEVERITY, "check"),
        "Incidents in the longest window whose postmortem fails a check of the definition of done.",
    ),
    Metric(
        "mttx_incidents_missing_milestone",
        _G,
        ("milestone",),
        "Resolved incidents in the longest window that are not sampled because a milestone is missing.",
    ),
    Metric(
        "mttx_incidents_invalid_interval",
        _G,
        ("indicator",),
        "Incidents in the longest window not sampled because the interval is negative; correct their milestones.",
    ),
    Metric(
        "mttx_incidents_outlived_resolution",
        _G,
        (),
        "Incidents in the longest window resolved by a person or an automation while one of their alerts kept firing "
        "for longer than reopen_window.",
    ),
    Metric("mttx_incidents_stale", _G, (), "Open incidents without an update for longer than stale_after."),
    Metric(
        "mttx_series_capped", _G, ("metric",), "Incidents or actions left out of a metric because of limits.series."
    ),
    Metric("mttx_webhook_requests_total", _C, ("source",), "Webhook requests received.", shared=False),
    Metric(
        "mttx_webhook_failures_total",
        _C,
        ("source", "reason"),
        "Webhook and API requests not accepted; busy, store, rate and incomplete were answered 503 (retry).",
        shared=False,
    ),
    Metric(
        "mttx_webhook_unreadable_total",
        _C,
        ("source", "field"),
        "Fields of declared sources that were missing in a body or could not be read.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_ignored_total",
        _C,
        ("source", "reason"),
        "Alerts ignored on purpose; they open no incident.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_unmapped_total",
        _C,
        ("source",),
        "Alerts received whose severity is missing or not in severity_map; repeats are counted.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_rejected_total",
        _C,
        ("source", "reason"),
        "Invalid alerts dropped from a notification whose other alerts were recorded.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_started_at_unreadable_total",
        _C,
        ("source",),
        "Alerts recorded without their started_at because it is not a valid time.",
        shared=False,
    ),
    Metric("mttx_alerts_truncated_total", _C, ("source",), "Alerts omitted by the sender (max_alerts).", shared=False),
    Metric(
        "mttx_last_webhook_timestamp_seconds",
        _G,
        ("source",),
        "Time of the last accepted webhook of a source; absent before the first.",
        shared=False,
    ),
    Metric("mttx_outbox_pending", _G, ("target",), "Annotations and messages waiting for delivery."),
    Metric(
        "mttx_outbox_oldest_timestamp_seconds",
        _G,
        ("target",),
        "Time since which the oldest pending delivery has been waiting; 0 if none is pending.",
    ),
    Metric(
        "mttx_outbox_stopped",
        _G,
        ("target",),
        "Annotations and messages rejected by the target; not retried until they change, or until a restart or resync.",
    ),
    Metric("mttx_outbox_deliveries_total", _C, ("target",), "Deliveries accepted by the target.", shared=False),
    Metric(
        "mttx_outbox_failures_total",
        _C,
        ("target", "reason"),
        "Failed delivery attempts; transient ones are retried.",
        shared=False,
    ),
    Metric("mttx_recorder_queue_length", _G, (), "Requests waiting to be committed.", shared=False),
    Metric("mttx_recorder_commits_total", _C, (), "Transactions committed.", shared=False),
    Metric("mttx_recorder_commit_seconds", Kind.SUMMARY, (), "Duration of committed transactions.", shared=False),
    Metric("mttx_store_errors_total", _C, (), "Store transactions that failed.", shared=False),
    Metric("mttx_scrape_errors_total", _C, (), "Scrapes that could not read the store.", shared=False),
    Metric("mttx_scrape_duration_seconds", _G, (), "Duration of the last read of the store.", shared=False),
    Metric("mttx_build_info", _G, ("version",), "Always 1, labelled with the version of the exporter.", shared=False),
)

BY_NAME = {metric.name: metric for metric in METRICS}
