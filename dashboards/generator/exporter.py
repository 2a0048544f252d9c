"""`mttx-exporter`: does the exporter itself receive, write and deliver."""

from generator.board import HIDDEN, datasource, exporter_url, frame, job, query_variable, section, severity, window
from generator.panels import RED, TEXT, Query, graph, override_query, stat, thresholds
from generator.queries import added, replicas, series

INSTANCE = 'instance=~"$instance"'
NOT_SCRAPED = "The exporter is not scraped."
RATE = "[$__rate_interval]"
STEP = "5m"


def instance():
    """Choose replicas; on the other dashboards they all say the same."""
    return query_variable(
        "instance",
        "Instance",
        "Replicas of mttx-exporter.",
        'label_values(mttx_build_info{job=~"$job"}, instance)',
    )


def _own(metric, *matchers):
    return series(metric, INSTANCE, *matchers)


def _per_second(metric):
    return added(f"rate({_own(metric)}{RATE})")


def _counted(metric):
    """Count per step; a series that is 0 all over the time range is left out, and so is its name in the legend."""
    per_step = added(f"increase({_own(metric)}[$__interval] offset -$__interval)")
    at_all = added(f"increase({_own(metric)}[$__range] @ end() offset -$__interval)")
    return f"round({per_step})\nand {at_all} > 0"


def replicas_up():
    """How many replicas answer, and what they run."""
    return stat(
        "Replicas",
        "Replicas that Prometheus can scrape, and the versions of mttx-exporter and Python they run. While no "
        "replica is up, notifications from Alertmanager are retried or lost. Two versions at once are normal only "
        "during a rollout.",
        [
            Query("A", f"sum by (job) ({_own('up')})", "up"),
            Query("B", f"count by (version) ({_own('mttx_build_info')})", "mttx-exporter {{version}}"),
            Query("C", f"count by (version) ({_own('python_info')})", "Python {{version}}"),
        ],
        "none",
        NOT_SCRAPED,
        overrides=[override_query("A", thresholds=thresholds((None, RED), (1, "green")))],
    )


def last_webhook():
    """How long nothing has been received."""
    return stat(
        "Since the last webhook",
        "Time since the last accepted notification from each source. Silence means a quiet week or a broken "
        "route: compare with the usual interval.",
        [Query("A", f"time() - {replicas(_own('mttx_last_webhook_timestamp_seconds'))}", "{{source}}")],
        "dtdhms",
        "No webhooks received yet.",
    )


TROUBLES = (
    ("mttx_webhook_failures_total", "webhooks rejected"),
    ("mttx_alerts_truncated_total", "alerts omitted by max_alerts"),
    ("mttx_store_errors_total", "database errors"),
    ("mttx_scrape_errors_total", "scrape errors"),
)


def troubles():
    """What should be zero."""
    counted = [
        Query(ref, f"round(sum by (job) (increase({_own(metric)}[$__range])))", name)
        for ref, (metric, name) in zip("ABCD", TROUBLES, strict=True)
    ]
    capped = f"sum by (job) ({replicas(_own('mttx_series_capped'))})"
    return stat(
        "Errors in this time range",
        "Webhooks answered with an error, alerts omitted by Alertmanager, failed database transactions, scrapes "
        "that could not read the database, and incidents or actions without series because of `limits.series`. "
        "All should be 0; the runbook explains each.",
        [*counted, Query("E", capped, "incidents without series")],
        "none",
        NOT_SCRAPED,
        steps=((None, TEXT), (1, RED)),
    )


def _bars(title, description, queries, no_value):
    return graph(title, description, queries, "none", no_value, bars=True, stacked=True, interval=STEP)


def webhooks():
    """Incoming webhooks."""
    return _bars(
        "Webhooks by source",
        "Notifications received per graph step, by source, accepted or not. If one source goes silent while "
        "others continue, check its route and token.",
        [Query("A", _counted("mttx_webhook_requests_total"), "{{source}}")],
        "No webhooks in this time range.",
    )


def failures():
    """What was refused."""
    return _bars(
        "Webhooks failed, by reason",
        "Notifications answered with an error. Alertmanager retries after 5xx; after 4xx the notification is lost "
        "if the alert clears before the next one for its group. The runbook explains each reason.",
        [Query("A", _counted("mttx_webhook_failures_total"), "{{source}}: {{reason}}")],
        "No failed webhooks in this time range.",
    )


def ignored():
    """What was left out on purpose."""
    return _bars(
        "Alerts ignored, by reason",
        "Alerts that opened no incident, by reason: severity mapped to `ignore`, ignore label, or an alert of the "
        "exporter itself. A high count may mean that `severity_map` needs an entry.",
        [Query("A", _counted("mttx_alerts_ignored_total"), "{{source}}: {{reason}}")],
        "No ignored alerts in this time range.",
    )


def queue():
    """What waits for the writer."""
    return graph(
        "Requests waiting for the writer",
        "Requests waiting for the single writer thread, per replica. Should be empty between bursts; a persistent "
        "queue means a slow disk or database.",
        [Query("A", _own("mttx_recorder_queue_length"), "{{instance}}")],
        "none",
        NOT_SCRAPED,
    )


def commit_time():
    """How long a write takes."""
    took, number = (added(f"rate({_own(f'mttx_recorder_commit_seconds_{part}')}{RATE})") for part in ("sum", "count"))
    return graph(
        "Commit duration, mean",
        "Mean transaction duration. A webhook is answered after its transaction, so Alertmanager waits this long. "
        "No line means no writes.",
        [Query("A", f"{took} / ({number} > 0)", "commit")],
        "s",
        "No writes in this time range.",
    )


def commits():
    """How much is written."""
    return _bars(
        "Commits and database errors",
        "Transactions per graph step, and failed ones. One transaction records all queued requests.",
        [
            Query("A", _counted("mttx_recorder_commits_total"), "commits"),
            Query("B", _counted("mttx_store_errors_total"), "errors"),
        ],
        "No writes in this time range.",
    )


def outbox_pending():
    """What waits to be delivered."""
    return graph(
        "Outbox: pending and rejected",
        "Annotations and messages pending delivery, by target; they survive restarts and are retried until "
        "delivered. 'Rejected' ones are not retried: see the exporter's log.",
        [
            Query("A", replicas(_own("mttx_outbox_pending")), "{{target}} pending"),
            Query("B", replicas(_own("mttx_outbox_stopped")), "{{target}} rejected"),
        ],
        "none",
        "No delivery targets configured.",
    )


def outbox_age():
    """How long it has waited."""
    oldest = replicas(f"{_own('mttx_outbox_oldest_timestamp_seconds')} > 0")
    return graph(
        "Outbox: oldest message",
        "Age of the oldest pending delivery, by target. It grows while a target is unavailable.",
        [Query("A", f"(time() - {oldest}) / 60", "{{target}}")],
        "suffix:min",
        "No pending deliveries.",
    )


def deliveries():
    """What was delivered and what failed."""
    return _bars(
        "Outbox: deliveries and failures",
        "Successful deliveries, and failed attempts by reason, per graph step. Permanent failures are not "
        "retried: see the exporter's log.",
        [
            Query("A", _counted("mttx_outbox_deliveries_total"), "{{target}}"),
            Query("B", _counted("mttx_outbox_failures_total"), "{{target}} failed: {{reason}}"),
        ],
        "No deliveries in this time range.",
    )


def scrape():
    """How long /metrics takes."""
    return graph(
        "Scrape duration",
        "Time to read the database for a scrape, per replica. Prometheus aborts after `scrape_timeout`, 10 s by "
        "default.",
        [Query("A", _own("mttx_scrape_duration_seconds"), "{{instance}}")],
        "s",
        NOT_SCRAPED,
    )


def memory():
    """What it needs."""
    return graph(
        "Memory",
        "Resident memory per replica. A line that rises for days indicates a leak.",
        [Query("A", _own("process_resident_memory_bytes"), "{{instance}}")],
        "bytes",
        NOT_SCRAPED,
    )


def dashboard():
    """Build the dashboard."""
    carried = [severity(hide=HIDDEN), window(hide=HIDDEN)]  # unused here; the links hand them on to the others
    return frame(
        "mttx-exporter",
        "Operation of the exporter: webhooks, database, deliveries and resource usage.",
        [datasource(), job(), instance(), exporter_url(), *carried],
        [
            section("Health", (7, (7, replicas_up()), (8, last_webhook()), (9, troubles()))),
            section("Incoming webhooks", (8, (8, webhooks()), (8, failures()), (8, ignored()))),
            section("Outgoing deliveries", (8, (8, outbox_pending()), (8, outbox_age()), (8, deliveries()))),
            section(
                "Process",
                (8, (8, queue()), (8, commits()), (8, commit_time())),
                (8, (12, scrape()), (12, memory())),
                collapsed=True,
            ),
        ],
        since="now-6h",
    )
