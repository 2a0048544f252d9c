"""Every metric with its type, labels and definition: the one table that the collectors and docs/metrics.md agree on."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The type of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is as a query writes it (a counter with `_total`). `shared` metrics come from the store."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    shared: bool = True


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_SEVERITY = ("incident_severity",)
_INCIDENT = ("incident", "incident_severity")
_OWED = ("incident", "incident_severity", "stage")
_ONE_SAMPLE = "One sample per incident, taken when its resolution is settled; a missing milestone gives none."

METRICS: tuple[Metric, ...] = (
    Metric("mttx_time_to_detect_seconds", _H, _SEVERITY, f"Start of impact to detection (MTTD). {_ONE_SAMPLE}"),
    Metric(
        "mttx_time_to_acknowledge_seconds",
        _H,
        _SEVERITY,
        f"Detection to the first act of a person (MTTA). {_ONE_SAMPLE}",
    ),
    Metric("mttx_time_to_mitigate_seconds", _H, _SEVERITY, f"Detection to mitigation. {_ONE_SAMPLE}"),
    Metric(
        "mttx_time_to_resolve_seconds",
        _H,
        _SEVERITY,
        f"Detection (or start, as configured) to recovery (MTTR). {_ONE_SAMPLE} Stale resolutions give none.",
    ),
    Metric(
        "mttx_postmortem_lead_time_seconds",
        _H,
        (*_SEVERITY, "stage"),
        "Start of impact to the postmortem's draft or final version; one sample when the stage is reached.",
    ),
    Metric("mttx_incidents_opened_total", _C, _SEVERITY, "Incidents opened, by the severity they opened with."),
    Metric(
        "mttx_incidents_resolved_total",
        _C,
        (*_SEVERITY, "resolution_source"),
        "Incidents resolved, each once, by what ended them: alerts, human, automation or stale.",
    ),
    Metric("mttx_incidents_dismissed_total", _C, _SEVERITY, "Incidents dismissed as none, each once."),
    Metric(
        "mttx_indicator_seconds",
        _G,
        ("indicator", "window", "statistic"),
        "Statistic of an indicator over all incidents detected within the window; absent without samples.",
    ),
    Metric(
        "mttx_severity_indicator_seconds",
        _G,
        ("indicator", "window", "statistic", "incident_severity"),
        "Statistic of an indicator over a severity's incidents detected within the window; absent without samples.",
    ),
    Metric("mttx_indicator_incidents", _G, ("indicator", "window"), "Samples behind mttx_indicator_seconds."),
    Metric(
        "mttx_severity_indicator_incidents",
        _G,
        ("indicator", "window", "incident_severity"),
        "Samples behind mttx_severity_indicator_seconds.",
    ),
    Metric(
        "mttx_indicator_within_target_ratio",
        _G,
        ("indicator", "window"),
        "Share (0 to 1) of samples at or below the target for all severities; absent without samples or target.",
    ),
    Metric(
        "mttx_severity_indicator_within_target_ratio",
        _G,
        ("indicator", "window", "incident_severity"),
        "Share (0 to 1) of samples at or below the severity's target; absent without samples or target.",
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
    Metric("mttx_incidents_open", _G, (*_SEVERITY, "phase"), "Incidents that are open, by phase."),
    Metric(
        "mttx_incident_started_timestamp_seconds",
        _G,
        _INCIDENT,
        "When the impact of an open incident began; absent where nobody knows.",
    ),
    Metric("mttx_incident_detected_timestamp_seconds", _G, _INCIDENT, "When an open incident was detected."),
    Metric(
        "mttx_incident_acknowledged_timestamp_seconds",
        _G,
        _INCIDENT,
        "When a person first acted on an open incident; absent until then.",
    ),
    Metric(
        "mttx_incident_info",
        _G,
        ("incident", "incident_severity", "incident_type", "title", "phase"),
        "1 for each incident that is open or owes a postmortem.",
    ),
    Metric(
        "mttx_postmortem_due_timestamp_seconds",
        _G,
        _OWED,
        "When a stage of the postmortem is due; absent once it is reached.",
    ),
    Metric(
        "mttx_postmortem_deadline_seconds",
        _G,
        _OWED,
        "The whole time allowed for a stage, from the start of impact (or detection) to when it is due.",
    ),
    Metric(
        "mttx_postmortems_due",
        _G,
        (*_SEVERITY, "stage"),
        "Postmortems that owe a stage whose deadline has not passed.",
    ),
    Metric(
        "mttx_postmortems_overdue",
        _G,
        (*_SEVERITY, "stage"),
        "Postmortems that owe a stage whose deadline has passed.",
    ),
    Metric("mttx_actions_open", _G, ("action_type",), "Actions that are not completed."),
    Metric("mttx_actions_overdue", _G, ("action_type",), "Actions that are not completed and past their date."),
    Metric(
        "mttx_action_due_timestamp_seconds",
        _G,
        ("incident", "action", "action_type"),
        "When an action that is not completed is due.",
    ),
    Metric(
        "mttx_actions_unverified", _G, ("action_type",), "Actions that are completed and whose verification is owed."
    ),
    Metric(
        "mttx_action_completed_timestamp_seconds",
        _G,
        ("incident", "action", "action_type"),
        "When an action was completed whose verification is owed; absent once it is verified.",
    ),
    Metric("mttx_actions_verified", _G, ("action_type",), "Actions that were verified within the longest window."),
    Metric(
        "mttx_postmortem_checks_failed",
        _G,
        (*_SEVERITY, "check"),
        "Incidents of the longest window whose postmortem fails a check of the definition of done.",
    ),
    Metric(
        "mttx_incidents_missing_milestone",
        _G,
        ("milestone",),
        "Resolved incidents of the longest window that lack a milestone and so a sample.",
    ),
    Metric(
        "mttx_incidents_invalid_interval",
        _G,
        ("indicator",),
        "Incidents of the longest window whose interval is negative and so gives no sample; correct their milestones.",
    ),
    Metric(
        "mttx_incidents_outlived_resolution",
        _G,
        (),
        "Incidents of the longest window that were resolved by hand or by automation while an alert of theirs went on "
        "for more than reopen_window.",
    ),
    Metric("mttx_incidents_stale", _G, (), "Open incidents of which nothing was heard for stale_after."),
    Metric(
        "mttx_series_capped",
        _G,
        ("metric",),
        "Incidents or actions without series of their own in this metric, because of limits.series.",
    ),
    Metric("mttx_webhook_requests_total", _C, ("source",), "Webhook requests received.", shared=False),
    Metric(
        "mttx_webhook_failures_total",
        _C,
        ("source", "reason"),
        "Webhook and API requests that were not accepted; busy, store and rate were answered 503, try again.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_ignored_total",
        _C,
        ("source", "reason"),
        "Alerts received that never become an incident.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_unmapped_total",
        _C,
        ("source",),
        "Alerts received whose severity severity_map lacks, or that have none; each time that they are received.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_rejected_total",
        _C,
        ("source", "reason"),
        "Alerts that could not be read and were left out while others of their notification were recorded.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_started_at_unreadable_total",
        _C,
        ("source",),
        "Alerts recorded without the started_at that they carry, because it is not a time.",
        shared=False,
    ),
    Metric(
        "mttx_alerts_truncated_total",
        _C,
        ("source",),
        "Alerts that the sender cut off.",
        shared=False,
    ),
    Metric(
        "mttx_last_webhook_timestamp_seconds",
        _G,
        ("source",),
        "When a source last sent something that was accepted; absent until then.",
        shared=False,
    ),
    Metric("mttx_outbox_pending", _G, ("target",), "Annotations and messages that wait to be delivered."),
    Metric(
        "mttx_outbox_oldest_timestamp_seconds",
        _G,
        ("target",),
        "Since when the oldest of what is pending waits; 0 while nothing is.",
    ),
    Metric(
        "mttx_outbox_stopped",
        _G,
        ("target",),
        "Annotations and messages that the target refuses; they rest until they change, or a restart or resync.",
    ),
    Metric("mttx_outbox_deliveries_total", _C, ("target",), "Deliveries that the target took.", shared=False),
    Metric(
        "mttx_outbox_failures_total",
        _C,
        ("target", "reason"),
        "Attempts to deliver that failed; what may pass is tried again.",
        shared=False,
    ),
    Metric("mttx_recorder_queue_length", _G, (), "Requests that wait for their commit.", shared=False),
    Metric("mttx_recorder_commits_total", _C, (), "Transactions committed.", shared=False),
    Metric("mttx_recorder_commit_seconds", Kind.SUMMARY, (), "Time that committed transactions took.", shared=False),
    Metric("mttx_store_errors_total", _C, (), "Transactions that the store did not take.", shared=False),
    Metric("mttx_scrape_errors_total", _C, (), "Scrapes without incidents: the store failed.", shared=False),
    Metric(
        "mttx_scrape_duration_seconds",
        _G,
        (),
        "How long reading the store took last.",
        shared=False,
    ),
    Metric("mttx_build_info", _G, ("version",), "1, with the version of the exporter.", shared=False),
)

BY_NAME = {metric.name: metric for metric in METRICS}
