"""`mttx-postmortems`: which documents are owed, whether they come in time, and what became of the actions."""

from generator.board import (
    INCIDENT_PAGE,
    datasource,
    exporter_url,
    frame,
    job,
    section,
    severity,
    to_dashboard,
    window,
)
from generator.definitions import DRAFT, FINALIZE, NO_SAMPLE, WINDOWED
from generator.panels import GREEN, ORANGE, RED, Column, Query, graph, heatmap, stat, table, target_line
from generator.queries import (
    SEVERITY,
    WINDOW,
    columns,
    jst,
    measured,
    milliseconds,
    replicas,
    series,
    targets,
    total,
)

STAGES = ("draft", "final")
OWED = ("incident", "incident_severity", "stage")
ACTION = ("incident", "action", "action_type")
TITLED = "on (job, incident) group_left (title)"
DUE_SOON = 0.25  # of the allowance left: from here on the alert rules remind
LEFT_STEPS = ((None, RED), (0, ORANGE), (DUE_SOON, GREEN))
NOTHING_OWED = "No postmortem is owed."


def _count(title, description, counted, label, colour, *, no_value, links=()):
    return stat(
        title,
        description,
        [Query("A", total(counted, label), f"{{{{{label}}}}}")],
        "none",
        no_value,
        steps=((None, GREEN), (1, colour)),
        textMode="value_and_name",
        links=links,
    )


def _late():
    return replicas(series("mttx_postmortems_overdue", SEVERITY))


def _owed():
    """Give all that is owed: `mttx_postmortems_due` counts only what is still in time."""
    return f"({replicas(series('mttx_postmortems_due', SEVERITY))} + {_late()})"


def overdue():
    """Documents whose deadline has passed."""
    return _count(
        "Overdue",
        "Postmortem stages whose deadline has passed and that are not done. SEV-1 to SEV-3 have a deadline for the "
        "draft and one for the final version; SEV-4 is due at the next weekly review.",
        _late(),
        "stage",
        RED,
        no_value="The exporter is not scraped.",
    )


def due():
    """Documents that are owed, overdue or not."""
    return _count(
        "Owed",
        "Postmortem stages that are still to be done, in time or not.",
        _owed(),
        "stage",
        ORANGE,
        no_value="The exporter is not scraped.",
    )


def on_time(indicator):
    """The share of documents that came in time, for all severities and for each."""
    matchers = (f'indicator="{indicator.name}"', WINDOW, SEVERITY)
    by_severity = replicas(series("mttx_severity_indicator_within_target_ratio", *matchers), "window")
    documents = replicas(series("mttx_severity_indicator_incidents", *matchers), "window")
    # Deadlines are per severity, so no metric has the share over all of them.
    in_time, all_done = f"{by_severity} * {documents}", f"({documents} and {by_severity})"
    everything = f"{total(in_time, 'job')}\n/ {total(all_done, 'job')}"
    return stat(
        f"{indicator.title}: on time",
        f"The share of {indicator.name} stages that were done within the deadline of their severity; 'all' is that of "
        f"the chosen severities together. {WINDOWED} "
        "Incidents whose document is not done yet are not in it; see the table for those.",
        [
            Query("A", by_severity, "{{incident_severity}}"),
            Query("B", everything, "all"),
        ],
        "percentunit",
        "No postmortem with a deadline in the window.",
        textMode="value_and_name",
        orientation="horizontal",
        links=[to_dashboard("mttx-overview")],
    )


def actions_overdue():
    """Actions whose due date has passed."""
    return _count(
        "Actions overdue",
        "Preventive actions from postmortems whose due date has passed, by type.",
        replicas(series("mttx_actions_overdue")),
        "action_type",
        RED,
        no_value="No action is recorded.",
    )


def _titled(expression, keep):
    """Add the incident's title where the exporter still tells it; without it the row stays, untitled."""
    title = f"topk by (job, incident) (1, {columns(series('mttx_incident_info'), 'incident', 'title')})"
    return f"({expression}) * {TITLED} {title} or on (job, {', '.join(keep)}) ({expression})"


def owed():
    """Every stage that is not done, the most urgent first."""
    deadline = columns(series("mttx_postmortem_due_timestamp_seconds", SEVERITY), *OWED)
    allowance = columns(series("mttx_postmortem_deadline_seconds", SEVERITY), *OWED)
    return table(
        "Postmortems to be done",
        "One row for each document stage that is not done, the most urgent first. 'Due (UTC)' is authoritative and "
        "'Due (JST)' is the same instant nine hours on (Japan has no summer time); both are right as long as this "
        "dashboard's time zone stays UTC. 'Left' is the share of the allowed time that remains: orange below a "
        "quarter, red once nothing is left.",
        [
            Query("A", _titled(milliseconds(deadline), OWED)),
            Query("B", jst(deadline)),
            Query("C", f"{deadline} - time()"),
            Query("D", f"({deadline} - time()) / {allowance}"),
        ],
        [
            Column("incident", "Incident", width=100, link=INCIDENT_PAGE),
            Column("incident_severity", "Severity", width=90),
            Column("title", "Title"),
            Column("stage", "Stage", width=90),
            Column("A", "Due (UTC)", "dateTimeAsIso", 180),
            Column("B", "Due (JST)", "dateTimeAsIso", 180),
            Column("C", "Time left", "dtdhms", 170, steps=((None, RED), (0, GREEN))),
            Column("D", "Left", "percentunit", 90, steps=LEFT_STEPS, decimals=0),
        ],
        NOTHING_OWED,
        sort="Time left",
    )


def lead_time(indicator):
    """Lead time by severity against the deadlines."""
    return graph(
        f"{indicator.title}: lead time",
        f"{indicator.definition} Solid: the slowest document of the window for each severity (or the statistic that "
        f"is configured). Dashed: the deadline. {NO_SAMPLE}",
        [
            Query("A", measured(indicator.name), "{{incident_severity}} {{statistic}}"),
            Query("B", targets(indicator.name), "deadline {{incident_severity}}"),
        ],
        "s",
        "No postmortem finished in the window.",
        overrides=[target_line("B")],
    )


def lead_time_distribution(stage):
    """How long documents took, one by one."""
    buckets = series("mttx_postmortem_lead_time_seconds_bucket", f'stage="{stage}"', SEVERITY)
    return heatmap(
        f"Lead time to {stage}: distribution",
        f"Lead times of single documents to the {stage} stage. Each column is a day (or a longer step), each cell a "
        "range of lead times, darker with more documents. A document appears on the day the stage was reached.",
        total(replicas(f"increase({buckets}[$__interval])"), "le"),
        "No document reached this stage in this time range.",
    )


def owed_over_time():
    """The pile of documents over time."""
    owed_now, late = total(_owed(), "stage"), total(_late(), "stage")
    return graph(
        "Owed and overdue over time",
        "Stages still to be done at each moment, and those of them whose deadline had passed.",
        [Query("A", owed_now, "owed: {{stage}}"), Query("B", late, "overdue: {{stage}}")],
        "none",
        "The exporter is not scraped.",
    )


def actions_over_time():
    """The pile of actions over time."""
    return graph(
        "Open actions by type",
        "Preventive actions that are not completed, by type. Dashed: those whose due date had passed. An action that "
        "is completed still has to be verified, and is done only then.",
        [
            Query("A", replicas(series("mttx_actions_open")), "{{action_type}}"),
            Query("B", replicas(series("mttx_actions_overdue")), "overdue: {{action_type}}"),
            Query("C", replicas(series("mttx_actions_unverified")), "to be verified: {{action_type}}"),
            Query("D", replicas(series("mttx_actions_verified")), "verified: {{action_type}}"),
        ],
        "none",
        "No action is recorded.",
        overrides=[target_line("B")],
    )


def actions():
    """Every open action, the most urgent first."""
    deadline = columns(series("mttx_action_due_timestamp_seconds"), *ACTION)
    return table(
        "Open actions",
        "One row for each open action with a due date, the most urgent first. Both due times are the same instant; "
        "'Due (JST)' is UTC plus nine hours and right as long as this dashboard's time zone stays UTC.",
        [
            Query("A", milliseconds(deadline)),
            Query("B", jst(deadline)),
            Query("C", f"{deadline} - time()"),
        ],
        [
            Column("incident", "Incident", width=100, link=INCIDENT_PAGE),
            Column("action", "Action"),
            Column("action_type", "Type"),
            Column("A", "Due (UTC)", "dateTimeAsIso", 180),
            Column("B", "Due (JST)", "dateTimeAsIso", 180),
            Column("C", "Time left", "dtdhms", 170, steps=((None, RED), (0, GREEN))),
        ],
        "No action with a due date is open.",
        sort="Time left",
    )


def unverified():
    """Every action that is completed and waits for its verification, the longest first."""
    completed = columns(series("mttx_action_completed_timestamp_seconds"), *ACTION)
    return table(
        "Actions to be verified",
        "One row for each action that is completed and whose verification is owed, the longest first. Both times are "
        "the same instant; 'Completed (JST)' is UTC plus nine hours and right as long as this dashboard's time zone "
        "stays UTC.",
        [
            Query("A", milliseconds(completed)),
            Query("B", jst(completed)),
            Query("C", f"time() - {completed}"),
        ],
        [
            Column("incident", "Incident", width=100, link=INCIDENT_PAGE),
            Column("action", "Action"),
            Column("action_type", "Type"),
            Column("A", "Completed (UTC)", "dateTimeAsIso", 180),
            Column("B", "Completed (JST)", "dateTimeAsIso", 180),
            Column("C", "Waiting", "dtdhms", 170),
        ],
        "No action waits for its verification.",
        sort="Waiting",
        descending=True,
    )


def checks_over_time():
    """What keeps postmortems from being done."""
    return graph(
        "Definition of done: checks failed",
        "Incidents of the longest window whose postmortem fails a check of the definition of done, by check: deadlines "
        "kept, evidence, actions complete, documents updated.",
        [Query("A", total(replicas(series("mttx_postmortem_checks_failed", SEVERITY)), "check"), "{{check}}")],
        "none",
        "No postmortem was checked.",
    )


def dashboard():
    """Build the dashboard."""
    return frame(
        "mttx-postmortems",
        "Postmortem documents against their deadlines, and the actions that came of them.",
        [datasource(), job(), severity(), window(), exporter_url()],
        [
            section(
                "Do postmortems come in time?",
                (6, (5, overdue()), (5, due()), (5, on_time(DRAFT)), (5, on_time(FINALIZE)), (4, actions_overdue())),
            ),
            section("What is owed", (10, (24, owed()))),
            section(
                "Lead time against the deadline",
                (8, (12, lead_time(DRAFT)), (12, lead_time(FINALIZE))),
                (10, *((12, lead_time_distribution(stage)) for stage in STAGES)),
            ),
            section("Over time", (8, (8, owed_over_time()), (8, actions_over_time()), (8, checks_over_time()))),
            section("Actions", (9, (12, actions()), (12, unverified()))),
        ],
        since="now-30d",
    )
