"""`mttx-postmortems`: which documents are overdue or due, whether they come in time, and what became of the "
"actions."""

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
    zone,
)
from generator.definitions import DRAFT, FINALIZE, WINDOWED
from generator.dimensions import filtered, filters
from generator.panels import (
    GREEN,
    ORANGE,
    RED,
    SEVERITY_COLOURS,
    TEXT,
    TRANSPARENT,
    Column,
    Query,
    bar_gauge,
    fixed,
    graph,
    override_query,
    stat,
    table,
    thresholds,
)
from generator.queries import (
    FEWEST_INCIDENTS,
    SEVERITY,
    WINDOW,
    columns,
    in_range,
    in_zone,
    label,
    milliseconds,
    replicas,
    series,
    total,
)

OWED = ("incident", "incident_severity", "stage")
ACTION = ("incident", "action", "action_type")
TITLED = "on (job, incident) group_left (title)"
LATE_STEPS = ((None, RED), (0, TRANSPARENT))
NOT_SCRAPED = "The exporter is not scraped."
SHARE_EXPECTED = 0.8  # the alert rule MttxSeverityWithinTargetShareLow asks for the same
BARS = ((12, "≤ 12 h"), (24, "≤ 24 h"), (48, "≤ 48 h"), (72, "≤ 72 h"), (120, "≤ 5 d"))


def _late():
    return replicas(series("mttx_postmortems_overdue", SEVERITY))


def _owed():
    """Give all that is owed: `mttx_postmortems_due` counts only what is still in time."""
    return f"({replicas(series('mttx_postmortems_due', SEVERITY))} + {_late()})"


def overdue():
    """Documents whose deadline has passed, and those that are owed at all."""
    return stat(
        "Outstanding and overdue",
        "Postmortem stages not completed: overdue ones, and all. SEV-1 to SEV-3 have a deadline for the draft and "
        "one for the final version; SEV-4 is due at the next weekly review.",
        [
            Query("A", total(_late(), "stage"), "{{stage}} overdue"),
            Query("B", total(_owed(), "stage"), "{{stage}} outstanding"),
        ],
        "none",
        NOT_SCRAPED,
        steps=((None, TEXT), (1, RED)),
        overrides=[override_query("B", color=fixed(TEXT))],
    )


def on_time(indicator):
    """The share of documents that came in time, for each severity."""
    matchers = (f'indicator="{indicator.name}"', WINDOW, SEVERITY)
    share = replicas(series("mttx_severity_indicator_within_target_ratio", *matchers), "window")
    documents = replicas(series("mttx_severity_indicator_incidents", *matchers), "window")
    counted = f'count_values by (job, indicator, incident_severity) ("documents", {documents})'
    beside = "on (job, indicator, incident_severity)"
    named = f"{share}\n* {beside} group_left (documents) {counted}"
    enough = f"{documents} >= {FEWEST_INCIDENTS}"
    return stat(
        f"{indicator.title}: on time",
        f"Share of documents that reached this stage within the deadline of their severity. {WINDOWED} "
        f"Outstanding documents are not counted; see the table. Green from 80 %, the share expected by the alert "
        f"rules; no colour below {FEWEST_INCIDENTS} documents.",
        [
            Query("A", f"{named}\nand {beside} {enough}", "{{incident_severity}} of {{documents}}"),
            Query("B", f"{named}\nunless {beside} {enough}", "{{incident_severity}} of {{documents}} · too few"),
        ],
        "percentunit",
        "No postmortems with a deadline in the window.",
        overrides=[override_query("A", thresholds=thresholds((None, ORANGE), (SHARE_EXPECTED, GREEN)))],
        links=[to_dashboard("mttx-overview")],
        decimals=0,
    )


def actions_state():
    """Where the actions stand."""
    states = ("overdue", "open", "unverified", "verified")
    names = ("overdue", "open", "awaiting verification", "verified")
    return stat(
        "Actions",
        "Preventive actions from postmortems: past their due date, all open, completed but not yet verified, and "
        "verified in the longest window.",
        [
            Query(ref, total(replicas(series(f"mttx_actions_{state}")), "job"), name)
            for ref, state, name in zip("ABCD", states, names, strict=True)
        ],
        "none",
        "No actions recorded.",
        overrides=[override_query("A", thresholds=thresholds((None, TEXT), (1, RED)))],
    )


def _titled(expression, keep):
    """Add the incident's title where it is still exported; without it the row stays, untitled."""
    title = f"topk by (job, incident) (1, {columns(series('mttx_incident_info'), 'incident', 'title')})"
    return f"({expression}) * {TITLED} {title} or on (job, {', '.join(keep)}) ({expression})"


def owed():
    """Every stage that is not done, the latest first."""
    deadline = filtered(columns(series("mttx_postmortem_due_timestamp_seconds", SEVERITY), *OWED))
    return table(
        "Postmortems to complete",
        "One row per outstanding document stage, most overdue first. 'Due in' turns red once the deadline has "
        "passed ('ago'). UTC is authoritative; the other column shows the same time in the display zone selected "
        "above. Both are correct only while the dashboard's own time zone is UTC.",
        [
            Query("A", _titled(milliseconds(deadline), OWED)),
            Query("B", in_zone(deadline)),
            Query("C", f"{deadline} - time()"),
        ],
        [
            Column("incident", "Incident", width=90, link=INCIDENT_PAGE),
            Column("incident_severity", "Severity", width=80, colours=SEVERITY_COLOURS),
            Column("title", "Title"),
            Column("stage", "Stage", width=80),
            Column("C", "Due in", "dtdhms", 150, steps=LATE_STEPS),
            Column("A", "Due (UTC)", "dateTimeAsIso", 170),
            Column("B", "Due (zone)", "dateTimeAsIso", 170, heading="Due (${zone:text})"),
        ],
        "No outstanding postmortems.",
        sort=("Due in",),
    )


def lead_times():
    """How long the documents of the time range took."""
    counts = [_at_most(f"{hours * 3600}.0") for hours, _ in BARS] + [_at_most("+Inf")]
    queries = [Query("A", counts[0])] + [
        Query(ref, f"{upper}\n- on (job, stage)\n{lower}")
        for ref, lower, upper in zip("BCDEF", counts, counts[1:], strict=False)
    ]
    texts = (*(text for _, text in BARS), "longer")
    return table(
        "Lead time distribution",
        "Documents that reached each stage in this time range, by lead time. Shows whether deadlines are missed "
        "by hours or by days. Later corrections do not change these numbers.",
        queries,
        [
            Column("stage", "Stage", width=100),
            *(Column(ref, text, "none", 100, decimals=0) for ref, text in zip("ABCDEF", texts, strict=True)),
        ],
        "No documents reached a stage in this time range.",
    )


def _at_most(bound):
    return in_range("mttx_postmortem_lead_time_seconds_bucket", SEVERITY, f'le="{bound}"', labels=("job", "stage"))


def owed_over_time():
    """The pile of documents over time."""
    return graph(
        "Outstanding and overdue over time",
        "Outstanding and overdue postmortem stages over time. A persistent overdue line means that the backlog is "
        "not shrinking.",
        [
            Query("A", label(total(_owed()), "state", "outstanding"), "outstanding"),
            Query("B", total(_late()), "overdue"),
        ],
        "none",
        NOT_SCRAPED,
        overrides=[override_query("A", color=fixed("blue")), override_query("B", color=fixed(RED))],
    )


def actions():
    """Every open action, the latest first."""
    deadline = filtered(columns(series("mttx_action_due_timestamp_seconds"), *ACTION))
    return table(
        "Open actions",
        "One row per open action with a due date, most overdue first. Both columns show the same time.",
        [
            Query("A", milliseconds(deadline)),
            Query("B", in_zone(deadline)),
            Query("C", f"{deadline} - time()"),
        ],
        [
            Column("incident", "Incident", width=90, link=INCIDENT_PAGE),
            Column("action", "Action", width=80),
            Column("action_type", "Type"),
            Column("C", "Due in", "dtdhms", 150, steps=LATE_STEPS),
            Column("A", "Due (UTC)", "dateTimeAsIso", 165),
            Column("B", "Due (zone)", "dateTimeAsIso", 165, heading="Due (${zone:text})"),
        ],
        "No open actions with a due date.",
        sort=("Due in",),
    )


def unverified():
    """Every action that is completed and waits for its verification, the longest first."""
    completed = filtered(columns(series("mttx_action_completed_timestamp_seconds"), *ACTION))
    return table(
        "Actions awaiting verification",
        "One row per completed action that is not yet verified, longest wait first. Both columns show the same time.",
        [
            Query("A", milliseconds(completed)),
            Query("B", in_zone(completed)),
            Query("C", f"time() - {completed}"),
        ],
        [
            Column("incident", "Incident", width=90, link=INCIDENT_PAGE),
            Column("action", "Action", width=80),
            Column("action_type", "Type"),
            Column("C", "Waiting for", "dtdhms", 130),
            Column("A", "Completed (UTC)", "dateTimeAsIso", 165),
            Column("B", "Completed (zone)", "dateTimeAsIso", 165, heading="Completed (${zone:text})"),
        ],
        "No actions awaiting verification.",
        sort=("Waiting for",),
        descending=True,
    )


def checks():
    """What keeps postmortems from being done."""
    return bar_gauge(
        "Definition of done: failed checks",
        "Incidents in the longest window whose postmortem fails a check of the definition of done: deadlines met, "
        "evidence, actions complete, documents updated. Start with the longest bar.",
        [Query("A", total(replicas(series("mttx_postmortem_checks_failed", SEVERITY)), "check"), "{{check}}")],
        "none",
        "No postmortems checked.",
    )


def dashboard():
    """Build the dashboard."""
    return frame(
        "mttx-postmortems",
        "Postmortem documents against their deadlines, and the resulting actions.",
        [datasource(), job(), severity(), window(), *filters(), zone(), exporter_url()],
        [
            section("Outstanding postmortems", (10, (5, overdue()), (19, owed()))),
            section("On-time delivery", (7, *((5, on_time(of)) for of in (DRAFT, FINALIZE)), (14, lead_times()))),
            section("Actions from postmortems", (8, (5, actions_state()), (19, actions())), (7, (24, unverified()))),
            section("Details", (8, (12, owed_over_time()), (12, checks())), collapsed=True),
        ],
        since="now-30d",
    )
