"""The metrics and labels that dashboards may name: design page, "Metrics". To be replaced by the code's own list."""

from itertools import product

SEVERITY = {"incident_severity"}
OF_INCIDENT = {"incident", "incident_severity"}

_INDICATORS = {
    f"mttx_{prefix}indicator_{name}": labels | extra
    for (prefix, extra), (name, labels) in product(
        (("", set()), ("severity_", SEVERITY)),
        (
            ("seconds", {"indicator", "window", "statistic"}),
            ("incidents", {"indicator", "window"}),
            ("within_target_ratio", {"indicator", "window"}),
            ("target_seconds", {"indicator", "statistic"}),
        ),
    )
}
_HISTOGRAMS = {
    f"mttx_time_to_{name}_seconds_bucket": SEVERITY | {"le"}
    for name in ("detect", "acknowledge", "mitigate", "resolve")
} | {"mttx_postmortem_lead_time_seconds_bucket": SEVERITY | {"stage", "le"}}

BUSINESS = (
    _INDICATORS
    | _HISTOGRAMS
    | {
        "mttx_incidents_opened_total": SEVERITY,
        "mttx_incidents_resolved_total": SEVERITY | {"resolution_source"},
        "mttx_incidents_dismissed_total": SEVERITY,
        "mttx_incidents_open": SEVERITY | {"phase"},
        "mttx_incidents_stale": set(),
        "mttx_incidents_missing_milestone": {"milestone"},
        "mttx_incidents_invalid_interval": {"indicator"},
        "mttx_incident_info": OF_INCIDENT | {"incident_type", "title", "phase"},
        "mttx_incident_started_timestamp_seconds": OF_INCIDENT,
        "mttx_incident_detected_timestamp_seconds": OF_INCIDENT,
        "mttx_incident_acknowledged_timestamp_seconds": OF_INCIDENT,
        "mttx_postmortem_due_timestamp_seconds": OF_INCIDENT | {"stage"},
        "mttx_postmortem_deadline_seconds": OF_INCIDENT | {"stage"},
        "mttx_postmortems_due": SEVERITY | {"stage"},
        "mttx_postmortems_overdue": SEVERITY | {"stage"},
        "mttx_actions_open": {"action_type"},
        "mttx_actions_overdue": {"action_type"},
        "mttx_action_due_timestamp_seconds": {"incident", "action", "action_type"},
    }
)

OPERATION = {
    "mttx_webhook_requests_total": {"source"},
    "mttx_webhook_failures_total": {"source", "reason"},
    "mttx_alerts_ignored_total": {"source", "reason"},
    "mttx_alerts_truncated_total": {"source"},
    "mttx_last_webhook_timestamp_seconds": {"source"},
    "mttx_outbox_pending": {"target"},
    "mttx_outbox_oldest_timestamp_seconds": {"target"},
    "mttx_outbox_deliveries_total": {"target"},
    "mttx_outbox_failures_total": {"target", "reason"},
    "mttx_series_capped": {"metric"},
    "mttx_scrape_errors_total": set(),
    "mttx_scrape_duration_seconds": set(),
    "mttx_recorder_queue_length": set(),
    "mttx_recorder_commits_total": set(),
    "mttx_recorder_commit_seconds_sum": set(),
    "mttx_recorder_commit_seconds_count": set(),
    "mttx_store_errors_total": set(),
    "mttx_build_info": {"version"},
}

BY_PROMETHEUS = {"up": set(), "process_resident_memory_bytes": set(), "python_info": {"version"}}


def catalogue():
    """Map each series name to its labels, without those that Prometheus adds at the scrape."""
    return BUSINESS | OPERATION | BY_PROMETHEUS
