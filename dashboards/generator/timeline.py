"""`mttx-timeline`: which incident was in which phase when, and the milestones of one of them."""

from generator.board import (
    ANNOTATION_LIMIT,
    ANNOTATION_TAG,
    INCIDENT_PAGE_BY_LABEL,
    datasource,
    exporter_url,
    frame,
    job,
    query_variable,
    section,
    severity,
    to_dashboard,
    window,
)
from generator.definitions import WINDOWED
from generator.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Query,
    annotation_list,
    by_severity,
    graph,
    stat,
    state_timeline,
    table,
)
from generator.queries import SEVERITY, WINDOW, columns, jst, milliseconds, replicas, series, total

PHASES = (
    (1, "detected", RED),
    (2, "acknowledged", ORANGE),
    (3, "mitigated", YELLOW),
    (4, "resolved", GREEN),
)
CHOSEN = 'incident="$incident"'
RECORDED = ("started", "detected", "acknowledged")  # the exporter tells these instants; they stay readable afterwards
OBSERVED = ("mitigated", "resolved")  # these show only as a change of phase
OBSERVED_NOTE = (
    "'Mitigated' and 'resolved' are the moments at which Prometheus first saw the phase, late by up to one scrape; the "
    "incident page has the recorded ones."
)
NOT_CHOSEN = "Choose an incident above that was open in this time range."
PAGE_LINK = {"title": "Open the incident page", "url": INCIDENT_PAGE_BY_LABEL, "targetBlank": True}
CHOSEN_LINK = {"title": "Open the incident page", "url": "${exporter_url:raw}/incidents/$incident", "targetBlank": True}


def incident():
    """Choose one incident among those the exporter told of in the time range, the latest first."""
    numeric_descending = 4
    return query_variable(
        "incident",
        "Incident",
        "One incident for the lower half. Incidents that were open, or owed a postmortem, within the time range.",
        'label_values(mttx_incident_info{job=~"$job", incident_severity=~"$severity"}, incident)',
        several=False,
        sort=numeric_descending,
    )


def _phase(*matchers):
    """Give each incident's phase as a number, in the order of `PHASES`."""
    numbered = (f"{number} * {_seen(phase, *matchers)}" for number, phase, _ in PHASES)
    return columns(" or ".join(numbered), "incident")


def _seen(phase, *matchers):
    return series("mttx_incident_info", *matchers, f'phase="{phase}"')


def phases():
    """All incidents as bars."""
    return state_timeline(
        "Incidents by phase",
        "One bar for each incident, from its detection until it is resolved and its postmortem is final. 'detected' "
        "waits for somebody to respond, 'acknowledged' is being worked on, 'mitigated' no longer hurts, 'resolved' is "
        "over but may still owe its postmortem. Click a bar for the incident page.",
        [Query("A", _phase(SEVERITY), "{{incident}}")],
        PHASES,
        "No incident in this time range.",
        links=[PAGE_LINK],
    )


def open_over_time():
    """The number of open incidents with the annotated regions behind."""
    counted = total(replicas(series("mttx_incidents_open", SEVERITY)), "incident_severity")
    return graph(
        "Open incidents by severity",
        "Incidents open at each moment, stacked by severity. The shaded regions are the incidents as annotated in "
        "Grafana, if annotations are switched on in the exporter.",
        [Query("A", counted, "{{incident_severity}}")],
        "none",
        "The exporter is not scraped.",
        stacked=True,
        overrides=by_severity(),
    )


def annotations():
    """The annotations as a list."""
    return annotation_list(
        "Annotations",
        "What the exporter has annotated in Grafana within this time range. A click moves the dashboard there. Empty "
        "if annotations are switched off in the exporter.",
        ANNOTATION_TAG,
        ANNOTATION_LIMIT,
    )


def chosen_phase():
    """The chosen incident as one bar."""
    return state_timeline(
        "Phases of $incident",
        "The phases of the chosen incident over time, as Prometheus saw them.",
        [Query("A", _phase(CHOSEN), "{{incident}}")],
        PHASES,
        NOT_CHOSEN,
        links=[PAGE_LINK],
    )


def _recorded(milestone):
    metric = series(f"mttx_incident_{milestone}_timestamp_seconds", CHOSEN)
    return columns(f"last_over_time({metric}[$__range])", "incident")


def _observed(phase):
    return f"min by (job, incident) (min_over_time(timestamp({_seen(phase, CHOSEN)})[$__range:1m]))"


def _instants():
    return [(name, _recorded(name)) for name in RECORDED] + [(name, _observed(name)) for name in OBSERVED]


def milestones(zone, convert):
    """The instants of the chosen incident in one time zone."""
    return stat(
        f"Milestones ({zone})",
        f"When the chosen incident started, was detected, acknowledged, mitigated and resolved, in {zone}. A missing "
        f"milestone is not shown. {OBSERVED_NOTE} The JST panel shows UTC plus nine hours; both panels are right as "
        "long as this dashboard's time zone stays UTC.",
        [Query(ref, convert(instant), name) for ref, (name, instant) in zip("ABCDE", _instants(), strict=True)],
        "dateTimeAsIso",
        NOT_CHOSEN,
        steps=((None, "text"),),
        textMode="value_and_name",
        orientation="horizontal",
        links=[CHOSEN_LINK],
    )


def intervals():
    """How long the chosen incident took from step to step."""
    instants = dict(_instants())
    pairs = (
        ("A", "detect", "started", "detected"),
        ("B", "acknowledge", "detected", "acknowledged"),
        ("C", "mitigate", "detected", "mitigated"),
        ("D", "resolve", "detected", "resolved"),
    )
    return stat(
        "Intervals",
        "How long the chosen incident took: 'detect' from its start to its detection, the others from its detection. "
        f"An interval without both instants is not shown. {OBSERVED_NOTE}",
        [Query(ref, f"{instants[end]} - {instants[start]}", name) for ref, name, start, end in pairs],
        "s",
        NOT_CHOSEN,
        steps=((None, BLUE),),
        textMode="value_and_name",
        orientation="horizontal",
        links=[CHOSEN_LINK],
    )


def usual_intervals():
    """The median incident beside the chosen one."""
    same = 'indicator=~"detect|acknowledge|mitigate|resolve"'
    selector = series("mttx_indicator_seconds", same, 'statistic="p50"', WINDOW)
    return stat(
        "Usual intervals (median)",
        f"The same intervals for the median incident of all severities: half of them took longer. {WINDOWED}",
        [Query("A", replicas(selector, "window"), "{{indicator}}")],
        "s",
        "No incident in the window.",
        steps=((None, "text"),),
        textMode="value_and_name",
        orientation="horizontal",
        links=[to_dashboard("mttx-overview")],
    )


def phase_table():
    """What the chosen incident was called and when it was in which phase."""
    keep = ("incident", "incident_severity", "incident_type", "title", "phase")
    seen = f"timestamp({series('mttx_incident_info', CHOSEN)})"
    first = f"min by (job, {', '.join(keep)}) (min_over_time({seen}[$__range:1m]))"
    last = columns(f"max_over_time({seen}[$__range:1m])", *keep)
    return table(
        "What is known of $incident",
        "Title, severity and type of the chosen incident, one row for each phase or change of these. 'First seen' and "
        "'Last seen' are the scrapes at which Prometheus saw the row; the JST column is UTC plus nine hours. Times "
        "are right as long as this dashboard's time zone stays UTC.",
        [Query("A", milliseconds(first)), Query("B", jst(first)), Query("C", milliseconds(last))],
        [
            Column("title", "Title"),
            Column("incident_severity", "Severity", width=90),
            Column("incident_type", "Type"),
            Column("phase", "Phase", width=120),
            Column("A", "First seen (UTC)", "dateTimeAsIso", 180),
            Column("B", "First seen (JST)", "dateTimeAsIso", 180),
            Column("C", "Last seen (UTC)", "dateTimeAsIso", 180),
        ],
        NOT_CHOSEN,
        sort="First seen (UTC)",
    )


def deadlines():
    """What the chosen incident still owes."""
    deadline = columns(series("mttx_postmortem_due_timestamp_seconds", CHOSEN), "stage")
    return table(
        "Owed by $incident",
        "The postmortem stages the chosen incident still owes. A stage that is done is not listed.",
        [Query("A", milliseconds(deadline)), Query("B", f"{deadline} - time()")],
        [
            Column("stage", "Stage", width=80),
            Column("A", "Due (UTC)", "dateTimeAsIso", 170),
            Column("B", "Time left", "dtdhms", steps=((None, RED), (0, GREEN))),
        ],
        "The chosen incident owes no postmortem.",
        sort="Time left",
    )


def dashboard():
    """Build the dashboard."""
    return frame(
        "mttx-timeline",
        "Incidents by phase over time, and the milestones of a chosen one.",
        [datasource(), job(), severity(), window(), incident(), exporter_url()],
        [
            section(
                "All incidents",
                (10, (24, phases())),
                (8, (16, open_over_time()), (8, annotations())),
            ),
            section(
                "One incident: $incident",
                (4, (24, chosen_phase())),
                (
                    8,
                    (6, milestones("UTC", milliseconds)),
                    (6, milestones("JST", jst)),
                    (6, intervals()),
                    (6, usual_intervals()),
                ),
                (7, (16, phase_table()), (8, deadlines())),
            ),
        ],
        since="now-7d",
    )
