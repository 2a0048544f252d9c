"""`mttx-exporter`: does the exporter itself hear, write and deliver."""

from generator.board import HIDDEN, datasource, exporter_url, frame, job, query_variable, section, severity, window
from generator.panels import GREEN, RED, Query, graph, stat
from generator.queries import added, replicas, series

INSTANCE = 'instance=~"$instance"'
NOT_SCRAPED = "The exporter is not scraped."
RATE = "[$__rate_interval]"


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


def replicas_up():
    """How many replicas answer."""
    return stat(
        "Replicas up",
        "Replicas of the exporter that Prometheus can scrape. While none is up, Alertmanager's notifications wait for "
        "a retry or are lost.",
        [Query("A", f"sum without (instance, pod) ({_own('up')})", "up")],
        "none",
        NOT_SCRAPED,
        steps=((None, RED), (1, GREEN)),
    )


def versions():
    """What runs."""
    return stat(
        "Versions",
        "Version of the exporter and of Python, with the number of replicas that run it. Two versions at once are "
        "normal only while a new one is rolled out.",
        [
            Query("A", f"count by (version) ({_own('mttx_build_info')})", "mttx-exporter {{version}}"),
            Query("B", f"count by (version) ({_own('python_info')})", "Python {{version}}"),
        ],
        "none",
        NOT_SCRAPED,
        textMode="value_and_name",
        orientation="horizontal",
    )


def last_webhook():
    """How long nothing has been heard."""
    return stat(
        "Since the last webhook",
        "Time since the last accepted notification of each source. A quiet week is good news or a broken route: "
        "compare with what is usual.",
        [Query("A", f"time() - {replicas(_own('mttx_last_webhook_timestamp_seconds'))}", "{{source}}")],
        "s",
        "No webhook has been received yet.",
        textMode="value_and_name",
        orientation="horizontal",
    )


def troubles():
    """What should be zero."""
    counted = "mttx_webhook_failures_total", "mttx_store_errors_total", "mttx_scrape_errors_total"
    names = "rejected webhooks", "store errors", "scrape errors"
    return stat(
        "Trouble in this time range",
        "What should be 0: webhooks answered with an error, failed writes or reads of the store, and scrapes the "
        "exporter could not answer in full.",
        [
            Query(ref, f"round(sum(increase({_own(metric)}[$__range])))", name)
            for ref, metric, name in zip("ABC", counted, names, strict=True)
        ],
        "none",
        NOT_SCRAPED,
        steps=((None, GREEN), (1, RED)),
        textMode="value_and_name",
        orientation="horizontal",
    )


def webhooks():
    """What comes in."""
    return graph(
        "Webhooks by source",
        "Notifications received per second, by source, whatever the answer was.",
        [Query("A", _per_second("mttx_webhook_requests_total"), "{{source}}")],
        "reqps",
        NOT_SCRAPED,
    )


def failures():
    """What was refused."""
    return graph(
        "Webhooks failed, by reason",
        "Notifications answered with an error, per second. Alertmanager repeats those answered with 5xx; a 4xx is "
        "lost if the alert is gone by the next notification of its group.",
        [Query("A", _per_second("mttx_webhook_failures_total"), "{{source}}: {{reason}}")],
        "reqps",
        "No webhook has failed.",
    )


def ignored():
    """What was left out on purpose."""
    return graph(
        "Alerts ignored, by reason",
        "Alerts that became no incident, per second, by reason: a severity that is not mapped, a label that says so, "
        "or one of the exporter's own alerts. Many of an unmapped severity mean that the mapping needs an entry.",
        [Query("A", _per_second("mttx_alerts_ignored_total"), "{{source}}: {{reason}}")],
        "cps",
        "No alert has been ignored.",
    )


def truncated():
    """What Alertmanager cut off."""
    return graph(
        "Alerts truncated",
        "Alerts that Alertmanager left out of its notifications because of `max_alerts`, per second. The exporter "
        "never hears of them: raise that setting.",
        [Query("A", _per_second("mttx_alerts_truncated_total"), "{{source}}")],
        "cps",
        "No alert has been truncated.",
    )


def queue():
    """What waits for the writer."""
    return graph(
        "Recorder queue",
        "Requests that wait for the one thread that writes to the store, for each replica. It is empty between bursts; "
        "a queue that stays means that the disk or the database is slow.",
        [Query("A", _own("mttx_recorder_queue_length"), "{{instance}}")],
        "none",
        NOT_SCRAPED,
    )


def commits():
    """How often it writes."""
    return graph(
        "Commits and store errors",
        "Transactions per second, and failures of the store. One transaction records everything that had queued up.",
        [
            Query("A", _per_second("mttx_recorder_commits_total"), "commits"),
            Query("B", _per_second("mttx_store_errors_total"), "errors"),
        ],
        "ops",
        NOT_SCRAPED,
    )


def commit_time():
    """How long a write takes."""
    took = f"rate({_own('mttx_recorder_commit_seconds_sum')}{RATE})"
    number = f"rate({_own('mttx_recorder_commit_seconds_count')}{RATE})"
    return graph(
        "Commit duration, mean",
        "Mean duration of a transaction for each replica. A webhook is answered only after its transaction, so this is "
        "what Alertmanager waits for. No line means that nothing was written.",
        [Query("A", f"{took} / ({number} > 0)", "{{instance}}")],
        "s",
        "Nothing was written in this time range.",
    )


def outbox_pending():
    """What waits to be told."""
    return graph(
        "Outbox: pending and refused",
        "Messages that wait for delivery, by target; they survive a restart and are repeated until they are delivered. "
        "'Refused' are those that the target does not take and that rest: see the exporter's log.",
        [
            Query("A", replicas(_own("mttx_outbox_pending")), "{{target}}"),
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
        [Query("A", f"time() - {oldest}", "{{target}}")],
        "s",
        "Nothing waits for delivery.",
    )


def deliveries():
    """What was told and what failed."""
    return graph(
        "Outbox: deliveries and failures",
        "Messages delivered per second by target, and failed attempts by reason. A permanent failure is not repeated: "
        "see the exporter's log.",
        [
            Query("A", _per_second("mttx_outbox_deliveries_total"), "{{target}}"),
            Query("B", _per_second("mttx_outbox_failures_total"), "{{target}} failed: {{reason}}"),
        ],
        "cps",
        "Nothing is delivered anywhere.",
    )


def scrape():
    """How long /metrics takes."""
    return graph(
        "Scrape duration",
        "How long the exporter takes to answer a scrape, for each replica. It does not depend on how many incidents "
        "there have been.",
        [Query("A", _own("mttx_scrape_duration_seconds"), "{{instance}}")],
        "s",
        NOT_SCRAPED,
    )


def scrape_errors():
    """Scrapes that failed."""
    return graph(
        "Scrape errors",
        "Scrapes per second that the exporter could not answer in full, usually because the store did not answer.",
        [Query("A", _per_second("mttx_scrape_errors_total"), "errors")],
        "cps",
        NOT_SCRAPED,
    )


def capped():
    """What was left out of /metrics."""
    return graph(
        "Series left out by the cap",
        "Series per metric that were left out because there are more incidents or actions than the configured cap. "
        "Totals and indicators stay complete; only single incidents are missing from tables.",
        [Query("A", replicas(_own("mttx_series_capped")), "{{metric}}")],
        "none",
        "No series has been left out.",
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
        "The exporter's own operation: what it hears, writes and delivers.",
        [datasource(), job(), instance(), exporter_url(), *carried],
        [
            section(
                "Is it working?",
                (6, (4, replicas_up()), (6, versions()), (7, last_webhook()), (7, troubles())),
            ),
            section("Webhooks", (8, (6, webhooks()), (6, failures()), (6, ignored()), (6, truncated()))),
            section("Store", (8, (8, queue()), (8, commits()), (8, commit_time()))),
            section("Outbox", (8, (8, outbox_pending()), (8, outbox_age()), (8, deliveries()))),
            section("Scrapes and memory", (8, (6, scrape()), (6, scrape_errors()), (6, capped()), (6, memory()))),
        ],
        since="now-6h",
    )
