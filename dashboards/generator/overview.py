"""`mttx-overview`: are we within our targets, where is it going, and what is open right now."""

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
from generator.definitions import (
    ACKNOWLEDGE,
    DETECT,
    DRAFT,
    FINALIZE,
    INDICATORS,
    MITIGATE,
    NO_SAMPLE,
    OVER_TARGET,
    RESOLVE,
    WINDOWED,
)
from generator.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Column,
    Query,
    bar_gauge,
    by_severity,
    fixed,
    graph,
    heatmap,
    override_query,
    stat,
    table,
    target_line,
    thresholds,
)
from generator.queries import (
    SEVERITY,
    WINDOW,
    columns,
    measured,
    milliseconds,
    per_interval,
    replicas,
    samples,
    series,
    targets,
    total,
    used,
    values,
    within_target,
    worst,
)

NEARLY, MISSED = 0.8, 1  # shares of a target; the targets themselves come from the exporter
TARGET_STEPS = ((None, GREEN), (NEARLY, ORANGE), (MISSED, RED))
EMPTY_WINDOW = "No incident with this interval in the window."
OPEN_LABELS = ("incident", "incident_severity")


def tile(indicator):
    """One indicator against its target. Of several targets it shows the one in most danger."""
    name = indicator.name
    chosen = worst(name)
    everything = replicas(series("mttx_indicator_incidents", _named(indicator), WINDOW), "window")
    description = (
        f"{indicator.definition} {WINDOWED} The coloured figure is the share of the target used up: green below 80 %, "
        f"orange up to 100 %, red beyond. Under it the value, the target, and the number of incidents measured. With "
        f"a target for each severity, the tile shows the severity in most danger; the table below has them all. "
        f"Without a target it shows the p95."
    )
    return stat(
        indicator.title,
        description,
        [
            Query("A", chosen, "of target ({{incident_severity}})"),
            Query("B", f"({values(name)}\nand {chosen})\nor on (job) {_overall(indicator, 'p95')}", "{{statistic}}"),
            Query("C", f"{targets(name)}\nand {chosen}", "target"),
            Query("D", f"({samples(name)}\nand ignoring (statistic) {chosen})\nor on (job) {everything}", "incidents"),
        ],
        "s",
        EMPTY_WINDOW,
        overrides=[
            override_query("A", unit="percentunit", decimals=0, thresholds=thresholds(*TARGET_STEPS)),
            override_query("B", color=fixed("text")),
            override_query("C", color=fixed("text")),
            override_query("D", color=fixed("text"), unit="none"),
        ],
        links=[to_dashboard("mttx-postmortems" if indicator in {DRAFT, FINALIZE} else "mttx-timeline")],
        textMode="value_and_name",
        orientation="horizontal",
    )


def _overall(indicator, statistic):
    selector = series("mttx_indicator_seconds", _named(indicator), f'statistic="{statistic}"', WINDOW)
    return replicas(selector, "window")


def _named(indicator):
    return f'indicator="{indicator.name}"'


def every_target():
    """The table behind the tiles: one row per target."""
    keep = ("indicator", "statistic", "incident_severity")
    beside = "on (job, indicator, incident_severity) group_left ()"
    return table(
        "Every target",
        f"One row for each target that is configured. {WINDOWED} 'Of target' is the value divided by its target. "
        f"{OVER_TARGET} 'Kept' is the share of incidents that, each for itself, stayed within the target: a mean can "
        "look fine while single incidents do not.",
        [
            Query("A", columns(measured(), *keep)),
            Query("B", columns(targets(), *keep)),
            Query("C", columns(used(), *keep)),
            Query("D", columns(f"0 * {targets()}\n+ {beside} {within_target()}", *keep)),
            Query("E", columns(f"0 * {targets()}\n+ {beside} {samples()}", *keep)),
        ],
        [
            Column("indicator", "Indicator"),
            Column("incident_severity", "Severity"),
            Column("statistic", "Statistic"),
            Column("A", "Value", "s"),
            Column("B", "Target", "s"),
            Column("C", "Of target", "percentunit", decimals=0, steps=TARGET_STEPS),
            Column("D", "Kept", "percentunit", decimals=0),
            Column("E", "Incidents", "none"),
        ],
        "No target is configured, or the exporter is not scraped.",
        sort="Of target",
        descending=True,
    )


def trend(indicator):
    """One indicator over time with its target lines."""
    name = indicator.name
    return graph(
        f"{indicator.title}: trend",
        f"{indicator.definition} Each point looks back over the chosen window, so the line moves slowly. Solid: the "
        f"statistics that have a target, and the median of all incidents. Dashed: the targets. {NO_SAMPLE}",
        [
            Query("A", measured(name), "{{incident_severity}} {{statistic}}"),
            Query("B", _overall(indicator, "p50"), "all p50"),
            Query("C", targets(name), "target {{incident_severity}} {{statistic}}"),
        ],
        "s",
        EMPTY_WINDOW,
        overrides=[target_line("C"), override_query("B", color=fixed("#808080"), custom__fillOpacity=0)],
    )


def share_within_target():
    """How many incidents kept their target, over time."""
    return graph(
        "Share within target",
        "Of the incidents in the window, the share whose interval stayed within its target, for all severities "
        "together. It counts incidents, not minutes: one very long incident weighs as much as one slightly too long.",
        [Query("A", replicas(series("mttx_indicator_within_target_ratio", WINDOW), "window"), "{{indicator}}")],
        "percentunit",
        "No incident with a target in the window.",
        limits=(0, 1),
    )


def share_within_target_by_severity():
    """The same for each severity."""
    selector = series("mttx_severity_indicator_within_target_ratio", WINDOW, SEVERITY)
    return graph(
        "Share within target, by severity",
        "Of the incidents in the window, the share whose interval stayed within the target of their severity. Few "
        "severe incidents make this line jump; look at the number of incidents in the table above before you worry.",
        [Query("A", replicas(selector, "window"), "{{incident_severity}} {{indicator}}")],
        "percentunit",
        "No incident with a target in the window.",
        limits=(0, 1),
    )


def sample_counts():
    """How many incidents the numbers rest on."""
    return graph(
        "Incidents behind the numbers",
        "The number of incidents in the window for which each interval could be measured. A line below the others "
        "means that an instant is missing in some incidents. With fewer than three, read the tiles with care.",
        [Query("A", replicas(series("mttx_indicator_incidents", WINDOW), "window"), "{{indicator}}")],
        "none",
        "No incident in the window.",
    )


def opened():
    """Incidents per day by severity."""
    return graph(
        "Incidents opened",
        "New incidents per day (per longer step on a long time range), stacked by severity. The severity is the one "
        "the incident was opened with.",
        [
            Query(
                "A",
                per_interval("mttx_incidents_opened_total", SEVERITY),
                "{{incident_severity}}",
            )
        ],
        "none",
        "No incident opened in this time range.",
        bars=True,
        stacked=True,
        overrides=by_severity(),
        interval="1d",
    )


def resolved():
    """Incidents per day by the way they ended."""
    counted = per_interval("mttx_incidents_resolved_total", SEVERITY)
    return graph(
        "Incidents resolved, by source",
        "Incidents that ended, per day, by how that became known: 'alerts' when all alerts cleared, 'human' when a "
        "person said so, 'automation' for another system, 'stale' when nothing was heard any more. Stale ones do not "
        "count in the time to resolve.",
        [Query("A", total(counted, "resolution_source"), "{{resolution_source}}")],
        "none",
        "No incident resolved in this time range.",
        bars=True,
        stacked=True,
        interval="1d",
    )


def dismissed():
    """Incidents per day that turned out to be none."""
    return graph(
        "Incidents dismissed",
        "Incidents per day that turned out not to be incidents. They count in none of the indicators. Many of them "
        "mean that alerts fire without need.",
        [
            Query(
                "A",
                per_interval("mttx_incidents_dismissed_total", SEVERITY),
                "{{incident_severity}}",
            )
        ],
        "none",
        "No incident dismissed in this time range.",
        bars=True,
        stacked=True,
        overrides=by_severity(),
        interval="1d",
    )


def distribution(indicator):
    """How long it took, incident by incident."""
    buckets = series(f"mttx_time_to_{indicator.name}_seconds_bucket", SEVERITY)
    return heatmap(
        f"{indicator.title}: distribution",
        f"{indicator.definition} Each column is a day (or a longer step), each cell a range of durations, darker with "
        "more incidents. An incident appears on the day it was resolved and stays there, whatever is corrected later.",
        total(replicas(f"increase({buckets}[$__interval])"), "le"),
        "No incident resolved in this time range.",
    )


def open_now():
    """The incidents that are open, with running clocks."""
    severities = ("mttx_incidents_open", SEVERITY)
    return stat(
        "Open incidents",
        "Incidents that are neither resolved nor dismissed, by severity. 'Stale' are those of which nothing has been "
        "heard for longer than the configured time; they are probably over, but nobody said so.",
        [
            Query("A", total(replicas(series(*severities)), "incident_severity"), "{{incident_severity}}"),
            Query("B", replicas(series("mttx_incidents_stale")), "stale"),
        ],
        "none",
        "The exporter is not scraped.",
        steps=((None, GREEN), (1, ORANGE)),
        textMode="value_and_name",
        orientation="horizontal",
    )


def open_by_phase():
    """How many incidents are open in which phase, over time."""
    return graph(
        "Open incidents by phase",
        "Incidents open at each moment: 'detected' waits for somebody to respond, 'acknowledged' is being worked on, "
        "'mitigated' no longer hurts but is not over.",
        [Query("A", total(replicas(series("mttx_incidents_open", SEVERITY)), "phase"), "{{phase}}")],
        "none",
        "The exporter is not scraped.",
        stacked=True,
    )


def clocks():
    """Each open incident with the time it has taken and the time it has left."""
    info = series("mttx_incident_info", SEVERITY)
    started, detected, acknowledged = (
        columns(series(f"mttx_incident_{milestone}_timestamp_seconds", SEVERITY), *OPEN_LABELS)
        for milestone in ("started", "detected", "acknowledged")
    )
    left = ((None, RED), (0, GREEN))
    return table(
        "Open incidents now",
        "Every open incident with its clocks, as of the last refresh. 'Acknowledge in' and 'Resolve in' count down to "
        "the target and turn red when it has passed ('ago'); the first disappears once somebody has responded, the "
        "second is empty for severities without a target. Times are UTC.",
        [
            Query(
                "A",
                f"{columns(info, *OPEN_LABELS, 'incident_type', 'title', 'phase')} and on (job, incident) {detected}",
            ),
            Query("B", f"time() - {detected}"),
            Query("C", _countdown(f"({detected} unless on (job, incident) {acknowledged})", ACKNOWLEDGE)),
            Query("D", _countdown(detected, RESOLVE)),
            Query("E", milliseconds(started)),
            Query("F", milliseconds(detected)),
            Query("G", f"{acknowledged} - {detected}"),
        ],
        [
            Column("incident", "Incident", width=100, link=INCIDENT_PAGE),
            Column("incident_severity", "Severity", width=80),
            Column("title", "Title"),
            Column("incident_type", "Type"),
            Column("phase", "Phase", width=120),
            Column("B", "Open for", "dtdhms", 130),
            Column("C", "Acknowledge in", "dtdhms", 150, steps=left),
            Column("G", "Acknowledged after", "dtdhms", 150),
            Column("D", "Resolve in", "dtdhms", 150, steps=left),
            Column("E", "Started", "dateTimeAsIso", 160),
            Column("F", "Detected", "dateTimeAsIso", 160),
        ],
        "No incident is open.",
        sort="Open for",
        descending=True,
    )


def _countdown(since, indicator):
    """Give the seconds until an open incident misses its target, the target of its severity before that of all."""
    by_severity = series("mttx_severity_indicator_target_seconds", _named(indicator), SEVERITY)
    overall = series("mttx_indicator_target_seconds", _named(indicator))
    return (
        f"(\n  {since}\n  + on (job, incident_severity) group_left () min by (job, incident_severity) ({by_severity})\n"
        f"  or on (job, incident) {since}\n  + on (job) group_left () min by (job) ({overall})\n) - time()"
    )


def missing_milestones():
    """What keeps incidents out of the numbers."""
    return bar_gauge(
        "Missing milestones",
        "Incidents that lack an instant, by milestone. Whatever needs that instant cannot be measured for them. Record "
        "it on the incident page and the number falls.",
        [Query("A", replicas(series("mttx_incidents_missing_milestone")), "{{milestone}}")],
        "none",
        "The exporter is not scraped.",
        steps=((None, BLUE), (1, ORANGE)),
    )


def invalid_intervals():
    """Incidents whose instants contradict each other."""
    return bar_gauge(
        "Invalid intervals",
        "Incidents in which an interval would be negative, such as an acknowledgement before the detection. They give "
        "no value for that indicator until the instants are corrected.",
        [Query("A", replicas(series("mttx_incidents_invalid_interval")), "{{indicator}}")],
        "none",
        "The exporter is not scraped.",
        steps=((None, BLUE), (1, ORANGE)),
    )


def dashboard():
    """Build the dashboard."""
    trends = [(8, trend(indicator)) for indicator in INDICATORS]
    return frame(
        "mttx-overview",
        "Detection, acknowledgement, recovery and postmortems against their targets.",
        [datasource(), job(), severity(), window(), exporter_url()],
        [
            section("Are we within our targets?", (8, *((4, tile(indicator)) for indicator in INDICATORS))),
            section("Open now", (9, (4, open_now()), (20, clocks()))),
            section("All targets", (10, (24, every_target()))),
            section("Trends", (8, *trends[:3]), (8, *trends[3:])),
            section(
                "Within target",
                (8, (8, share_within_target()), (8, share_within_target_by_severity()), (8, sample_counts())),
            ),
            section(
                "How many",
                (8, (12, opened()), (12, open_by_phase())),
                (8, (12, resolved()), (12, dismissed())),
            ),
            section(
                "How long, incident by incident",
                (10, (12, distribution(RESOLVE)), (12, distribution(ACKNOWLEDGE))),
                (10, (12, distribution(DETECT)), (12, distribution(MITIGATE))),
            ),
            section("What the numbers lack", (7, (12, missing_milestones()), (12, invalid_intervals()))),
        ],
        since="now-30d",
    )
