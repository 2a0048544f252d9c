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
        "The replicas of mttx-exporter.",
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
        "Replicas of the exporter that Prometheus can scrape, and the versions of the exporter and of Python that they "
        "run. While none is up, Alertmanager's notifications wait for a retry or are lost. Two versions at once are "
        "normal only during a rollout.",
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
        "Time since the last accepted notification of each source. A quiet week is good news or a broken route: "
        "compare with what is usual.",
        [Query("A", f"time() - {replicas(_own('mttx_last_webhook_timestamp_seconds'))}", "{{source}}")],
        "dtdurations",
        "No webhook has been received yet.",
        decimals=1,
    )


TROUBLES = (
    ("mttx_webhook_failures_total", "webhooks rejected"),
    ("mttx_alerts_truncated_total", "alerts cut off by max_alerts"),
    ("mttx_store_errors_total", "store errors"),
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
        "Should be 0 in this time range",
        "Webhooks answered with an error, alerts that Alertmanager left out of its notifications, transactions the "
        "store refused, scrapes that could not read the store, and incidents or actions that have no series of their "
        "own now because of `limits.series`. The runbook says what to change for each.",
        [*counted, Query("E", capped, "incidents without series")],
        "none",
        NOT_SCRAPED,
        steps=((None, TEXT), (1, RED)),
    )


def _bars(title, description, queries, no_value):
    return graph(title, description, queries, "none", no_value, bars=True, stacked=True, interval=STEP)


def webhooks():
    """What comes in."""
    return _bars(
        "Webhooks by source",
        "Notifications received per step of the graph, by source, whatever the answer was. A source that falls silent "
        "while others go on has lost its route or its token.",
        [Query("A", _counted("mttx_webhook_requests_total"), "{{source}}")],
        "No webhook in this time range.",
    )


def failures():
    """What was refused."""
    return _bars(
        "Webhooks failed, by reason",
        "Notifications answered with an error. Alertmanager repeats those answered with 5xx; a 4xx is lost if the "
        "alert is gone by the next notification of its group. The runbook has each reason.",
        [Query("A", _counted("mttx_webhook_failures_total"), "{{source}}: {{reason}}")],
        "No webhook has failed in this time range.",
    )


def ignored():
    """What was left out on purpose."""
    return _bars(
        "Alerts ignored, by reason",
        "Alerts that opened no incident, by reason: a severity that is mapped to `ignore`, a label, or one of the "
        "exporter's own alerts. Many of one source mean that its mapping needs an entry.",
        [Query("A", _counted("mttx_alerts_ignored_total"), "{{source}}: {{reason}}")],
        "No alert was ignored in this time range.",
    )


def queue():
    """What waits for the writer."""
    return graph(
        "Requests waiting for the writer",
        "Requests that wait for the one thread that writes to the store, for each replica. Empty between bursts; a "
        "queue that stays means that the disk or the database is slow.",
        [Query("A", _own("mttx_recorder_queue_length"), "{{instance}}")],
        "none",
        NOT_SCRAPED,
    )


def commit_time():
    """How long a write takes."""
    took, number = (added(f"rate({_own(f'mttx_recorder_commit_seconds_{part}')}{RATE})") for part in ("sum", "count"))
    return graph(
        "Commit duration, mean",
        "Mean duration of a transaction. A webhook is answered only after its transaction, so this is what "
        "Alertmanager waits for. No line means that nothing was written.",
        [Query("A", f"{took} / ({number} > 0)", "commit")],
        "s",
        "Nothing was written in this time range.",
    )


def commits():
    """How much is written."""
    return _bars(
        "Commits and store errors",
        "Transactions per step of the graph, and those the store refused. One transaction records everything that had "
        "queued up.",
        [
            Query("A", _counted("mttx_recorder_commits_total"), "commits"),
            Query("B", _counted("mttx_store_errors_total"), "errors"),
        ],
        "Nothing was written in this time range.",
    )


def outbox_pending():
    """What waits to be delivered."""
    return graph(
        "Outbox: waiting and refused",
        "Annotations and messages that wait for delivery, by target; they survive a restart and are repeated until "
        "they are delivered. 'Refused': the target does not accept them and they rest; the exporter's log says why.",
        [
            Query("A", replicas(_own("mttx_outbox_pending")), "{{target}} waiting"),
            Query("B", replicas(_own("mttx_outbox_stopped")), "{{target}} refused"),
        ],
        "none",
        "Nothing is delivered anywhere.",
    )


def outbox_age():
    """How long it has waited."""
    oldest = replicas(f"{_own('mttx_outbox_oldest_timestamp_seconds')} > 0")
    return graph(
        "Outbox: oldest message",
        "Age of the oldest message that is still to be delivered, by target. It grows while a target does not answer.",
        [Query("A", f"(time() - {oldest}) / 60", "{{target}}")],
        "suffix:min",
        "Nothing is waiting for delivery.",
    )


def deliveries():
    """What was delivered and what failed."""
    return _bars(
        "Outbox: deliveries and failures",
        "Deliveries that a target accepted, and failed attempts by reason, per step of the graph. A permanent failure "
        "is not repeated: see the exporter's log.",
        [
            Query("A", _counted("mttx_outbox_deliveries_total"), "{{target}}"),
            Query("B", _counted("mttx_outbox_failures_total"), "{{target}} failed: {{reason}}"),
        ],
        "Nothing was delivered in this time range.",
    )


def scrape():
    """How long /metrics takes."""
    return graph(
        "Scrape duration",
        "How long the exporter takes to read the store for a scrape, for each replica. Prometheus gives up after its "
        "`scrape_timeout`, 10 s unless you changed it.",
        [Query("A", _own("mttx_scrape_duration_seconds"), "{{instance}}")],
        "s",
        NOT_SCRAPED,
    )


def memory():
    """What it needs."""
    return graph(
        "Memory",
        "Resident memory of each replica. A line that rises for days is a leak.",
        [Query("A", _own("process_resident_memory_bytes"), "{{instance}}")],
        "bytes",
        NOT_SCRAPED,
    )


def dashboard():
    """Build the dashboard."""
    carried = [severity(hide=HIDDEN), window(hide=HIDDEN)]  # unused here; the links hand them on to the others
    return frame(
        "mttx-exporter",
        "The exporter's own operation: what it receives, writes and delivers.",
        [datasource(), job(), instance(), exporter_url(), *carried],
        [
            section("Is it working?", (7, (7, replicas_up()), (8, last_webhook()), (9, troubles()))),
            section("What comes in", (8, (8, webhooks()), (8, failures()), (8, ignored()))),
            section("What goes out", (8, (8, outbox_pending()), (8, outbox_age()), (8, deliveries()))),
            section(
                "The process",
                (8, (8, queue()), (8, commits()), (8, commit_time())),
                (8, (12, scrape()), (12, memory())),
                collapsed=True,
            ),
        ],
        since="now-6h",
    )
