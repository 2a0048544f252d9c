"""PromQL as the dashboards need it: every selector filtered by job, every expression the same with one replica or five.

Whatever comes from the store is exported alike by every replica, so the replicas are folded with `max`. What a
process counts for itself (webhooks, deliveries, commits) is added up with `sum`.
"""

JOB = 'job=~"$job"'
SEVERITY = 'incident_severity=~"$severity"'
WINDOW = 'window="$window"'
FEWEST_INCIDENTS = 3  # below this a statistic says more about single incidents than about the team


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
    """Count whole incidents per step of the graph, at the beginning of the step, so that today has a bar too.

    `increase` extrapolates, and nobody has had 0.98 incidents.
    """
    counted = f"increase({series(metric, *matchers)}[$__interval] offset -$__interval)"
    return f"round({replicas(counted)})"


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


def judged(indicator):
    """Give the statistics that have a target, with the number of incidents and the target as labels to read."""
    value = f"({measured(indicator)}\nor {targets(indicator)} * NaN)"
    return (
        f"{value}\n* on (job, indicator, statistic, incident_severity) group_left (target) {_target_texts(indicator)}"
        f"\n* on (job, indicator, incident_severity) group_left (incidents) {_sample_texts(indicator)}"
    )


def verdicts(indicator=None, verdict=None):
    """Give 1 for each target of a quantile with its verdict as label, or 1 where that is the verdict."""
    which = f'verdict="{verdict}"' if verdict else 'verdict!=""'
    folded = ("window", "verdict") if verdict else ("window",)
    united = either(
        replicas(series("mttx_indicator_verdict", _indicator(indicator), WINDOW, which), *folded),
        replicas(series("mttx_severity_indicator_verdict", _indicator(indicator), WINDOW, which, SEVERITY), *folded),
    )
    return f"({united} > 0)"


def changes():
    """Give 1 for each indicator with how it changed since the window before as label."""
    united = either(
        replicas(series("mttx_indicator_change", WINDOW), "window"),
        replicas(series("mttx_severity_indicator_change", WINDOW, SEVERITY), "window"),
    )
    return f"({united} > 0)"


def bounds(indicator):
    """Give the bounds of the quantiles that have a target."""
    united = either(
        replicas(series("mttx_indicator_bound_seconds", _indicator(indicator), WINDOW), "window"),
        replicas(series("mttx_severity_indicator_bound_seconds", _indicator(indicator), WINDOW, SEVERITY), "window"),
    )
    return f"{united}\nand on (job, indicator, statistic, incident_severity) {targets(indicator)}"


def enough(indicator):
    """Give the number of incidents where a mean or maximum is compared with its target."""
    return f"{samples(indicator)} >= {FEWEST_INCIDENTS}"


def _target_texts(indicator):
    """Give 1 for each target with it as label `target`: "10 min" below an hour, "2 h" from there on."""
    by, seconds = "by (job, indicator, statistic, incident_severity)", targets(indicator)
    texts = (
        f'label_replace(count_values {by} ("target", round(({seconds} {condition}) / {divisor}, 0.1)), '
        f'"target", "$1 {unit}", "target", "(.+)")'
        for condition, divisor, unit in (("< 3600", 60, "min"), (">= 3600", 3600, "h"))
    )
    return f"({' or '.join(texts)})"


def _sample_texts(indicator):
    by = "(job, indicator, incident_severity)"
    counted = f'count_values by {by} ("incidents", {samples(indicator)})'
    return f"({counted}\nor on {by} {label(f'max by {by} ({targets(indicator)}) ^ 0', 'incidents', '0')})"


def milliseconds(seconds):
    """Turn Unix seconds into what Grafana's date units read."""
    return f"({seconds}) * 1000"


def in_zone(seconds):
    """Move the clock on to the display zone, to be read on a dashboard whose time zone is UTC."""
    return milliseconds(f"{seconds} + $zone")


def label(expression, name, value):
    """Add a label with a fixed value."""
    return f'label_replace({expression}, "{name}", "{value}", "", "")'


def in_range(metric, *matchers, labels=()):
    """Count whole incidents of the dashboard's time range, by the labels named."""
    return total(f"round({replicas(f'increase({series(metric, *matchers)}[$__range])')})", *labels)
