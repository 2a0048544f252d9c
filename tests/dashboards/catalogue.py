"""The metrics that dashboards, rules and documents may name: the code's own catalogue, taken apart into series."""

from service.metrics import catalogue as code
from service.metrics.catalogue import Kind, Metric
from service.settings.breakdown import BREAKDOWN

# Named by dashboards and rules before there was an outbox. An entry means nothing once the catalogue has its metric.
ANNOUNCED = (
    Metric("mttx_outbox_pending", Kind.GAUGE, ("target",), ""),
    Metric("mttx_outbox_oldest_timestamp_seconds", Kind.GAUGE, ("target",), ""),
    Metric("mttx_outbox_stopped", Kind.GAUGE, ("target",), ""),
    Metric("mttx_outbox_deliveries_total", Kind.COUNTER, ("target",), "", shared=False),
    Metric("mttx_outbox_failures_total", Kind.COUNTER, ("target", "reason"), "", shared=False),
)
METRICS = {metric.name: metric for metric in (*ANNOUNCED, *code.METRICS)}

SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count"), Kind.SUMMARY: ("_sum", "_count")}
BY_PROMETHEUS = {"up": set(), "process_resident_memory_bytes": set(), "python_info": {"version"}}


def series_of(metric):
    """Map the names of a metric's series to their labels, without those that Prometheus adds at the scrape."""
    labels = {*metric.labels, *(f"incident_{d.label}" for d in BREAKDOWN if metric.dimensions)}
    return {
        metric.name + suffix: labels | ({"le"} if suffix == "_bucket" else set())
        for suffix in SUFFIXES.get(metric.kind, ("",))
    }


def catalogue():
    """Map each series name to its labels, those of Prometheus' own libraries included."""
    ours = {name: labels for metric in METRICS.values() for name, labels in series_of(metric).items()}
    return BY_PROMETHEUS | ours


def counting():
    """Return the names of the series that only grow."""
    kinds = {Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY}
    return {name for metric in METRICS.values() if metric.kind in kinds for name in series_of(metric)}
