"""PromQL as the dashboards need it: every selector filtered by job, every expression the same with one replica or five.

Whatever comes from the store is exported alike by every replica, so the replicas are folded with `max`. What a
process counts for itself (webhooks, deliveries, commits) is added up with `sum`.
"""

JOB = 'job=~"$job"'
SEVERITY = 'incident_severity=~"$severity"'
WINDOW = 'window="$window"'
JST_OFFSET_SECONDS = 9 * 3600  # Japan keeps no summer time, so the distance to UTC never changes


def series(metric, *matchers):
    """Select a metric of the chosen jobs."""
    return f"{metric}{{{', '.join((JOB, *matchers))}}}"


def replicas(selector, *also):
    """Fold the replicas, and drop the labels in `also`, which must have one value only."""
    return f"max without ({', '.join(('instance', 'pod', *also))}) ({selector})"


def columns(selector, *labels):
    """Fold the replicas and keep only the named labels: a table shows every label that is left as a column."""
    return f"max by ({', '.join(('job', *labels))}) ({selector})"


def added(selector, *also):
    """Add up what each process counted."""
    return f"sum without ({', '.join(('instance', 'pod', *also))}) ({selector})"


def total(expression, *labels):
    """Add up what is left after folding, over the chosen jobs, by the named labels."""
    return f"sum by ({', '.join(labels)}) ({expression})"


def per_interval(metric, *matchers):
    """Count whole incidents per step of the graph. `increase` extrapolates, and nobody has had 0.98 incidents."""
    return f"round({replicas(f'increase({series(metric, *matchers)}[$__interval])')})"


def either(overall, by_severity):
    """Unite an all-severity expression, marked `all`, with its per-severity sibling."""
    return f'(\n  label_replace({overall}, "incident_severity", "all", "", "")\n  or {by_severity}\n)'


def _indicator(name):
    return f'indicator="{name}"' if name else 'indicator!=""'


def values(indicator=None):
    """Give every statistic of an indicator (None: of all) in the chosen window."""
    return either(
        replicas(series("mttx_indicator_seconds", _indicator(indicator), WINDOW), "window"),
        replicas(series("mttx_severity_indicator_seconds", _indicator(indicator), WINDOW, SEVERITY), "window"),
    )


def targets(indicator=None):
    """Give the targets. Their `statistic` label says which statistic is held against them."""
    return either(
        replicas(series("mttx_indicator_target_seconds", _indicator(indicator))),
        replicas(series("mttx_severity_indicator_target_seconds", _indicator(indicator), SEVERITY)),
    )


def samples(indicator=None):
    """Give the number of incidents behind the values."""
    return either(
        replicas(series("mttx_indicator_incidents", _indicator(indicator), WINDOW), "window"),
        replicas(series("mttx_severity_indicator_incidents", _indicator(indicator), WINDOW, SEVERITY), "window"),
    )


def within_target(indicator=None):
    """Give the share of incidents that kept their target, 0 to 1."""
    return either(
        replicas(series("mttx_indicator_within_target_ratio", _indicator(indicator), WINDOW), "window"),
        replicas(
            series("mttx_severity_indicator_within_target_ratio", _indicator(indicator), WINDOW, SEVERITY), "window"
        ),
    )


def measured(indicator=None):
    """Give the statistics that have a target."""
    return f"{values(indicator)}\nand {targets(indicator)}"


def used(indicator=None):
    """Give the share of the target that is used up; above 1 the target is missed."""
    return f"{values(indicator)}\n/ {targets(indicator)}"


def worst(indicator):
    """Give the share of the target used by whichever target is closest to being missed, or furthest beyond."""
    return f"topk by (job) (1,\n{used(indicator)}\n)"


def milliseconds(seconds):
    """Turn Unix seconds into what Grafana's date units read."""
    return f"({seconds}) * 1000"


def jst(seconds):
    """Move the clock nine hours on, to be read on a dashboard whose time zone is UTC."""
    return milliseconds(f"{seconds} + {JST_OFFSET_SECONDS}")
