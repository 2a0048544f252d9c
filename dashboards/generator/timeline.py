"""`mttx-timeline`: which incident was in which phase when, and the milestones of one of them."""

from generator.board import (
    INCIDENT_PAGE,
    INCIDENT_PAGE_BY_LABEL,
    datasource,
    exporter_url,
    frame,
    incident_regions,
    job,
    query_variable,
    section,
    severity,
    window,
    zone,
)
from generator.definitions import WINDOWED
from generator.panels import (
    GREEN,
    ORANGE,
    RED,
    SEVERITY_COLOURS,
    YELLOW,
    Column,
    Query,
    by_severity,
    graph,
    state_timeline,
    table,
)
from generator.queries import (
    SEVERITY,
    WINDOW,
    columns,
    in_zone,
    label,
    milliseconds,
    replicas,
    series,
    total,
)

PHASES = (
    (1, "detected", RED),
    (2, "acknowledged", ORANGE),
    (3, "mitigated", YELLOW),
    (4, "resolved", "#4d6b57"),
)
PHASE_COLOURS = {phase: colour for _, phase, colour in PHASES}
CHOSEN = 'incident="$incident"'
RECORDED = ("started", "detected", "acknowledged")  # exported as instants; they stay readable afterwards
OBSERVED = ("mitigated", "resolved")  # these show only as a change of phase
INTERVALS = (
    ("detect", "started", "detected"),
    ("acknowledge", "detected", "acknowledged"),
    ("mitigate", "detected", "mitigated"),
    ("resolve", "detected", "resolved"),
)
OBSERVED_NOTE = (
    "'First seen' is the first scrape with that phase, up to one scrape interval late; the incident page shows "
    "the recorded time."
)
_IS_OPEN = 'phase!="resolved"'
NOT_CHOSEN = "Select an incident above that was open in this time range."
PAGE_LINK = {"title": "Open the incident page", "url": INCIDENT_PAGE_BY_LABEL, "targetBlank": True}
OPEN_TITLE = "Open incidents by severity"


def incident():
    """Choose one incident among those exported in the time range, the latest first."""
    numeric_descending = 4
    return query_variable(
        "incident",
        "Incident",
        "Incident shown in the lower half: any that was open or had a postmortem outstanding in the time range.",
        'label_values(mttx_incident_info{job=~"$job", incident_severity=~"$severity"}, incident)',
        several=False,
        sort=numeric_descending,
    )


def _seen(phase, *matchers):
    return series("mttx_incident_info", *matchers, f'phase="{phase}"')


def phases():
    """All incidents as bars, in the order of their numbers."""
    numbered = (f"{number} * {_seen(phase, SEVERITY)}" for number, phase, _ in PHASES)
    was_open = columns(
        f"last_over_time({series('mttx_incident_info', SEVERITY, _IS_OPEN)}[$__range] @ end())", "incident"
    )
    shown = f"({columns(' or '.join(numbered), 'incident')}\nand on (job, incident) {was_open})"
    return state_timeline(
        "Incidents by phase",
        "One bar per incident that was open in this time range, until its postmortem is final. 'detected': "
        "awaiting response; 'acknowledged': being worked on; 'mitigated': impact contained; 'resolved': over, "
        "possibly with a postmortem outstanding. Click a bar to open the incident page.",
        [Query("A", _by_number(shown), "{{incident}}")],
        PHASES,
        "No incidents in this time range.",
        links=[PAGE_LINK],
    )


def _by_number(expression):
    """Have Prometheus return the series in the order of the incident numbers.

    It sorts by label names, then values: "INC-10" before "INC-9". The label `a_number` comes first, and is padded.
    """
    padded = f'label_replace({expression}, "a_number", "00000$1", "incident", "INC-(.+)")'
    return f'label_replace({padded}, "a_number", "$1", "a_number", ".*(.{{6}})")'


def open_over_time():
    """The number of open incidents with the annotated regions behind."""
    counted = total(replicas(series("mttx_incidents_open", SEVERITY)), "incident_severity")
    return graph(
        OPEN_TITLE,
        "Number of open incidents over time, stacked by severity. Shaded regions are incidents annotated by the "
        "exporter, if `grafana.annotations` is enabled; toggle them per severity above.",
        [Query("A", f"{counted} > 0", "{{incident_severity}}")],
        "none",
        "No open incidents in this time range.",
        stacked=True,
        bars=True,
        overrides=by_severity(),
    )


def chosen():
    """What the chosen incident is called and where it stands."""
    return table(
        "The incident",
        "Title, type, severity and phase of the selected incident: current, or as last exported in this time range.",
        [
            Query("A", _latest("incident_severity", "incident_type", "title", "phase")),
            Query("B", f"max by (job, incident) ({_recorded('detected')} * 1000)"),
        ],
        [
            Column("incident", "Incident", width=90, link=INCIDENT_PAGE),
            Column("incident_severity", "Severity", width=80, colours=SEVERITY_COLOURS),
            Column("title", "Title"),
            Column("incident_type", "Type", width=160),
            Column("phase", "Phase", width=120, colours=PHASE_COLOURS),
        ],
        NOT_CHOSEN,
    )


def _latest(*labels):
    """Give 1 with labels of the chosen incident as of now, or else as last seen in the time range."""
    now = columns(series("mttx_incident_info", CHOSEN), "incident", *labels)
    seen = f"max_over_time(timestamp({series('mttx_incident_info', CHOSEN)})[$__range:5m])"
    return f"({now} or on (job, incident) topk by (job, incident) (1, {columns(seen, 'incident', *labels)})) ^ 0"


def _recorded(milestone):
    metric = series(f"mttx_incident_{milestone}_timestamp_seconds", CHOSEN)
    return columns(f"last_over_time({metric}[$__range])", "incident")


def _observed(phase):
    return f"min by (job, incident) (min_over_time(timestamp({_seen(phase, CHOSEN)})[$__range:1m]))"


def _instants():
    return {name: _recorded(name) for name in RECORDED} | {name: _observed(name) for name in OBSERVED}


def milestones():
    """The instants of the chosen incident."""
    instants = _instants()
    named = {name: name if name in RECORDED else f"{name} (first seen)" for name in instants}

    def rows(convert):
        return _rows("milestone", ((named[name], convert(instant)) for name, instant in instants.items()))

    return table(
        "Milestones",
        f"Time of each milestone of the selected incident. Missing milestones have no row. {OBSERVED_NOTE} The "
        f"second column is in the display zone selected above; both are correct only while the dashboard's own "
        f"time zone is UTC.",
        [
            Query("A", rows(milliseconds)),
            Query("B", rows(in_zone)),
            Query("C", rows(lambda instant: f"{instant} - {instants['detected']}")),
        ],
        [
            Column("milestone", "Milestone"),
            Column("A", "At (UTC)", "dateTimeAsIso", 170),
            Column("B", "At (zone)", "dateTimeAsIso", 170, heading="At (${zone:text})"),
            Column("C", "From detection", "s", 130),
        ],
        NOT_CHOSEN,
        sort=("At (UTC)",),
    )


def intervals():
    """How long the chosen incident took, against its targets and against what is usual."""
    instants = _instants()
    order = _rows("interval", ((name, _recorded("detected")) for name, _, _ in INTERVALS))
    took = _rows("interval", ((name, f"{instants[end]} - {instants[start]}") for name, start, end in INTERVALS))
    target = _rows("interval", ((name, _target(name)) for name, _, _ in INTERVALS))
    return table(
        "Intervals against targets",
        "Duration of each interval of the selected incident, its target, the share of the target used (red above "
        f"100 %), and the median of all incidents. {WINDOWED} Missing milestones show a dash. {OBSERVED_NOTE}",
        [
            Query("E", order),
            Query("A", _or_nan(took, order)),
            Query("B", target),
            Query("C", _or_nan(f"{took}\n/ {target}", order)),
            Query("D", _rows("interval", ((name, _median(name)) for name, _, _ in INTERVALS))),
        ],
        [
            Column("interval", "Interval"),
            Column("A", "Duration", "s", 120),
            Column("B", "Target", "s", 120),
            Column("C", "% of target", "percentunit", 100, decimals=0, steps=((None, GREEN), (1, RED))),
            Column("D", "Median of all", "s", 120),
        ],
        NOT_CHOSEN,
    )


def _or_nan(expression, order):
    """Keep the column of a query without samples: Grafana drops one that is empty in every row."""
    return f"({expression})\nor NaN * {order}"


def _rows(name, expressions):
    """Give one row for each (value of the label `name`, expression)."""
    united = "\nor ".join(label(f"({expression})", name, value) for value, expression in expressions)
    return f"max by (job, {name}) ({united})"


def _target(indicator):
    """Give the target for the chosen incident, that of its severity before that of all."""
    named, zero = f'indicator="{indicator}"', f"0 * {_latest('incident_severity')}"
    by_each = f"min by (job, incident_severity) ({series('mttx_severity_indicator_target_seconds', named)})"
    overall = f"min by (job) ({series('mttx_indicator_target_seconds', named)})"
    return (
        f"{zero} + on (job, incident_severity) group_left () {by_each}\n"
        f"or on (job) {zero} + on (job) group_left () {overall}"
    )


def _median(indicator):
    return replicas(series("mttx_indicator_seconds", f'indicator="{indicator}"', 'statistic="p50"', WINDOW), "window")


def dashboard():
    """Build the dashboard."""
    return frame(
        "mttx-timeline",
        "Incidents by phase over time, and the milestones of a selected one.",
        [datasource(), job(), severity(), window(), zone(), incident(), exporter_url()],
        [
            section("All incidents", (12, (24, phases())), (6, (24, open_over_time()))),
            section("$incident", (4, (24, chosen())), (8, (12, milestones()), (12, intervals()))),
        ],
        since="now-7d",
        regions=incident_regions(OPEN_TITLE, enabled=True),
    )
