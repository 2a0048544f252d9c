"""`mttx-overview`: are we within our targets, what is open and whose clock runs, is it getting better."""

from generator.board import (
    INCIDENT_PAGE,
    datasource,
    exporter_url,
    frame,
    incident_regions,
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
    MITIGATE,
    NO_SAMPLE,
    OVER_TARGET,
    RESOLVE,
    WINDOWED,
)
from generator.dimensions import by_dimension, dimension, filtered, filters
from generator.panels import (
    GREEN,
    ORANGE,
    RED,
    SEVERITY_COLOURS,
    TEXT,
    TRANSPARENT,
    YELLOW,
    Column,
    Query,
    bar_gauge,
    by_severity,
    fixed,
    graph,
    override,
    override_query,
    stat,
    table,
    target_line,
    thin_line,
    thresholds,
)
from generator.queries import (
    FEWEST_INCIDENTS,
    SEVERITY,
    WINDOW,
    bounds,
    changes,
    columns,
    enough,
    in_range,
    judged,
    label,
    measured,
    per_interval,
    replicas,
    samples,
    series,
    targets,
    total,
    used,
    verdicts,
    within_target,
)

NEARLY, MISSED = 0.8, 1
NO_OBJECTIVES = "No error budget was measured, or there are no objectives in `slo` of mttx.yml."
EMPTY_WINDOW = "No incidents with this interval in the window."
OPEN_LABELS = ("incident", "incident_severity")
WITH_TARGETS = (DETECT, ACKNOWLEDGE, RESOLVE, DRAFT, FINALIZE)  # the standard has none for mitigation
PHASE_COLOURS = {"detected": RED, "acknowledged": ORANGE, "mitigated": YELLOW}
BARS = ((300, "≤ 5 min"), (900, "≤ 15 min"), (3600, "≤ 1 h"), (14400, "≤ 4 h"), (86400, "≤ 1 d"))
IN_MINUTES = (DETECT, ACKNOWLEDGE, MITIGATE)


def tile(indicator):
    """One indicator against its targets."""
    divisor, unit = _scale(indicator)
    name, group = indicator.name, "on (job, indicator, incident_severity)"
    shown, text = (
        f"({judged(name)}) / {divisor}",
        "{{incident_severity}} {{statistic}} of {{incidents}} · ≤ {{target}} · ",
    )
    lines = (
        ("A", "missed", RED, _decided(name, "missed", f"> {MISSED}")),
        ("B", "close", ORANGE, f"({_compared(name, f'> {NEARLY} <= {MISSED}')})"),
        ("C", "met", GREEN, _decided(name, "met", f"<= {NEARLY}")),
    )
    decided = "\nor ".join((verdicts(name, "missed"), verdicts(name, "met"), f"({_compared(name)})"))
    return stat(
        indicator.title,
        f"{indicator.definition} {WINDOWED} Each line shows the statistic, the number of incidents, and the target. "
        f"p50 and p95: met or missed if the incidents show it, open ones that have passed the target included, else "
        f"too few to say. Mean and maximum: orange over 80 % of the target; no verdict below {FEWEST_INCIDENTS} "
        f"incidents.",
        [
            *(Query(ref, f"{shown}\nand {group} {condition}", text + word) for ref, word, _, condition in lines),
            Query("D", f"{shown}\nunless {group} ({decided})", text + "too few to say"),
        ],
        f"suffix:{unit}",
        "No targets configured, or the exporter is not scraped.",
        overrides=[
            *(override_query(ref, color=fixed(colour)) for ref, _, colour, _ in lines),
            override_query("D", color=fixed(TEXT)),
        ],
        links=[to_dashboard("mttx-postmortems" if indicator in {DRAFT, FINALIZE} else "mttx-timeline")],
        text={"titleSize": 13, "valueSize": 22},
        decimals=1,
    )


def _decided(name, verdict, condition):
    """Give what is met, or missed, by its verdict or by its value."""
    return f"({verdicts(name, verdict)}\nor ({_compared(name, condition)}))"


def _compared(name, condition=""):
    """Give the share of the target that a mean or maximum has used up, if there are enough incidents."""
    group = "on (job, indicator, incident_severity)"
    return f"{used(name)} {condition}\nand {group} {enough(name)}\nunless {group} {verdicts(name)}"


def _scale(indicator):
    """Give seconds per unit, and the unit in which a person thinks of this indicator."""
    return (60, "min") if indicator in IN_MINUTES else (3600, "h")


def _named(indicator):
    return f'indicator="{indicator.name}"'


def every_target():
    """The table behind the tiles: one row per target."""
    keep = ("indicator", "statistic", "incident_severity")
    beside = "on (job, indicator, incident_severity) group_left ()"
    return table(
        "All targets",
        f"One row per configured target. {WINDOWED} '% of target' is the value divided by its target. {OVER_TARGET} "
        f"'Met' is the share of individual incidents within the target. 'Verdict' is what that shows about a target "
        f"for the p50 or p95, 'Change' how the incidents differ from those of the window before; undecided: too few to "
        f"say.",
        [
            Query("A", columns(measured(), *keep)),
            Query("B", columns(targets(), *keep)),
            Query("C", columns(used(), *keep)),
            Query("D", columns(f"0 * {targets()}\n+ {beside} {within_target()}", *keep)),
            Query("E", columns(f"0 * {targets()}\n+ {beside} {samples()}", *keep)),
            Query("F", columns(f"{targets()}\n* {beside[:-2]}(verdict) {verdicts()}", *keep, "verdict")),
            Query("G", columns(f"{targets()}\n* {beside[:-2]}(change) {changes()}", *keep, "change")),
        ],
        [
            Column("indicator", "Indicator"),
            Column("incident_severity", "Severity", width=80),
            Column("statistic", "Statistic", width=80),
            Column("A", "Value", "s", 100),
            Column("B", "Target", "s", 100),
            Column("C", "% of target", "percentunit", 90, decimals=0),
            Column("D", "Met", "percentunit", 80, decimals=0),
            Column("E", "Incidents", "none", 90),
            Column("verdict", "Verdict", width=110, colours={"met": GREEN, "missed": RED}),
            Column("change", "Change", width=110, colours={"shorter": GREEN, "longer": RED}),
        ],
        "No targets configured, or the exporter is not scraped.",
        sort=("% of target",),
        descending=True,
    )


def trend(indicator):
    """One indicator over time with its target lines."""
    divisor, unit = _scale(indicator)
    name = "{{incident_severity}} {{statistic}}"
    return graph(
        f"{indicator.title}: trend",
        f"{indicator.definition} Same statistic as in the tile; each point covers the selected window before it. "
        f"Dashed line in the same colour: the target. Thin lines: the bounds of the p50 or p95, with enough incidents. "
        f"{NO_SAMPLE}",
        [
            Query("A", f"({measured(indicator.name)}) / {divisor}", name),
            Query("B", f"{targets(indicator.name)} / {divisor}", f"{name} target"),
            Query("C", f"({bounds(indicator.name)}) / {divisor}", f"{name} {{{{bound}}}} bound"),
        ],
        f"suffix:{unit}",
        EMPTY_WINDOW,
        overrides=[*by_severity(), target_line("B"), thin_line("C")],
    )


def time_to_mitigate():
    """The one indicator without a target in the standard."""
    overall = series("mttx_indicator_seconds", _named(MITIGATE), 'statistic="p95"', WINDOW)
    by_each = series("mttx_severity_indicator_seconds", _named(MITIGATE), 'statistic="p95"', WINDOW, SEVERITY)
    return graph(
        f"{MITIGATE.title}: trend",
        f"{MITIGATE.definition} p95 per severity and overall; each point covers the selected window before it. "
        f"{NO_SAMPLE}",
        [
            Query("A", f"{replicas(overall, 'window')} / 60", "all p95"),
            Query("B", f"{replicas(by_each, 'window')} / 60", "{{incident_severity}} p95"),
        ],
        "suffix:min",
        EMPTY_WINDOW,
        overrides=by_severity(),
    )


def opened():
    """Incidents per day by severity."""
    return graph(
        "Incidents opened per day",
        "New incidents per day (longer steps on long time ranges), by initial severity.",
        [Query("A", per_interval("mttx_incidents_opened_total", SEVERITY), "{{incident_severity}}")],
        "none",
        "No incidents opened in this time range.",
        bars=True,
        stacked=True,
        overrides=by_severity(),
        interval="1d",
    )


def how_they_ended():
    """What became of the incidents of the time range."""
    resolved = in_range("mttx_incidents_resolved_total", SEVERITY, labels=("resolution_source",))
    dismissed = in_range("mttx_incidents_dismissed_total", SEVERITY)
    return bar_gauge(
        "Resolutions by source",
        "Incidents that ended in this time range: 'alerts' when all alerts cleared, 'human' when resolved by a "
        "person, 'automation' by another system, 'stale' after no updates (not sampled as time to resolve), "
        "'false alarm' when dismissed. Many false alarms: tune the alerts. Many stale: look for lost notifications.",
        [Query("A", resolved, "{{resolution_source}}"), Query("B", dismissed, "false alarm")],
        "none",
        "The exporter is not scraped.",
    )


def durations():
    """How long the incidents of the time range took."""
    indicators = (DETECT, ACKNOWLEDGE, MITIGATE, RESOLVE)
    counts = [_at_most(f"{bound}.0", indicators) for bound, _ in BARS] + [_at_most("+Inf", indicators)]
    queries = [Query("A", counts[0])] + [
        Query(ref, f"{upper}\n- on (job, indicator)\n{lower}")
        for ref, lower, upper in zip("BCDEF", counts, counts[1:], strict=False)
    ]
    texts = (*(text for _, text in BARS), "longer")
    return table(
        "Incident duration distribution",
        "Incidents resolved in this time range, by duration of each interval. Shows whether a bad mean comes from "
        "one long incident or from all of them. Later corrections do not change these numbers.",
        queries,
        [
            Column("indicator", "Interval", width=130),
            *(Column(ref, text, "none", 75, decimals=0) for ref, text in zip("ABCDEF", texts, strict=True)),
        ],
        "No incidents resolved in this time range.",
    )


def _at_most(bound, indicators):
    counted = (
        label(
            in_range(f"mttx_time_to_{of.name}_seconds_bucket", SEVERITY, f'le="{bound}"', labels=("job",)),
            "indicator",
            of.name,
        )
        for of in indicators
    )
    return f"({' or '.join(counted)})"


def open_now():
    """How many incidents are open."""
    severities = total(replicas(series("mttx_incidents_open", SEVERITY)), "incident_severity")
    waiting = total(replicas(series("mttx_incidents_open", SEVERITY, 'phase="detected"')))
    return stat(
        "Open incidents",
        "Incidents neither resolved nor dismissed, by severity. 'Not acknowledged': no response yet. 'Stale': no "
        "update for longer than `stale_after`; they are probably over.",
        [
            Query("A", severities, "{{incident_severity}}"),
            Query("B", waiting, "not acknowledged"),
            Query("C", replicas(series("mttx_incidents_stale")), "stale"),
        ],
        "none",
        "The exporter is not scraped.",
        overrides=[
            *(
                override(name, thresholds=thresholds((None, TEXT), (1, colour)))
                for name, colour in SEVERITY_COLOURS.items()
            ),
            override_query("B", thresholds=thresholds((None, TEXT), (1, RED))),
            override_query("C", thresholds=thresholds((None, TEXT), (1, ORANGE))),
        ],
    )


def clocks():
    """Each open incident with the time it has taken and the time it has left."""
    info = series("mttx_incident_info", SEVERITY)
    detected, acknowledged = (
        columns(series(f"mttx_incident_{milestone}_timestamp_seconds", SEVERITY), *OPEN_LABELS)
        for milestone in ("detected", "acknowledged")
    )
    detected = filtered(detected)
    left = ((None, RED), (0, TRANSPARENT))
    return table(
        "Open incidents now",
        "Open incidents as of the last refresh. 'Response due' and 'Recovery due' count down to the target and "
        "turn red ('ago') once it has passed. 'Response due' is empty after the first response, 'Recovery due' "
        "for severities without a target.",
        [
            Query("A", f"{columns(info, *OPEN_LABELS, 'title', 'phase')} and on (job, incident) {detected}"),
            Query("B", f"time() - {detected}"),
            Query("C", _countdown(f"({detected} unless on (job, incident) {acknowledged})", ACKNOWLEDGE)),
            Query("D", _countdown(detected, RESOLVE)),
        ],
        [
            Column("incident", "Incident", width=90, link=INCIDENT_PAGE),
            Column("incident_severity", "Severity", width=80, colours=SEVERITY_COLOURS),
            Column("title", "Title"),
            Column("phase", "Phase", width=120, colours=PHASE_COLOURS),
            Column("B", "Open for", "dtdhms", 120),
            Column("C", "Response due", "dtdhms", 145, steps=left),
            Column("D", "Recovery due", "dtdhms", 145, steps=left),
        ],
        "No open incidents.",
        sort=("Severity", "Open for"),
    )


def _countdown(since, indicator):
    """Give the seconds until an open incident misses its target, the target of its severity before that of all."""
    by_each = series("mttx_severity_indicator_target_seconds", _named(indicator), SEVERITY)
    overall = series("mttx_indicator_target_seconds", _named(indicator))
    return (
        f"(\n  {since}\n  + on (job, incident_severity) group_left () min by (job, incident_severity) ({by_each})\n"
        f"  or on (job, incident) {since}\n  + on (job) group_left () min by (job) ({overall})\n) - time()"
    )


def gaps():
    """What keeps incidents out of the numbers."""
    return bar_gauge(
        "Missing data",
        "Incidents in the longest window that cannot be measured: a milestone is missing, or milestones are in "
        "the wrong order, such as an acknowledgement before the detection. Record or correct them on the incident "
        "page.",
        [
            Query("A", f"{replicas(series('mttx_incidents_missing_milestone'))} > 0", "missing: {{milestone}}"),
            Query("B", f"{replicas(series('mttx_incidents_invalid_interval'))} > 0", "wrong order: {{indicator}}"),
        ],
        "none",
        "No missing data, or the exporter is not scraped.",
    )


def budgets():
    """What the incidents of the time range cost."""
    spent = replicas(f"increase({series('mttx_error_budget_spent_ratio_total', SEVERITY)}[$__range])")
    return bar_gauge(
        "Error budget spent by incidents",
        "Share of each objective's error budget that incidents of this time range spent, by the first measurement of "
        "each; 100 % is a whole budget. Incidents that overlap count each.",
        [Query("A", total(spent, "slo"), "{{slo}}")],
        "percentunit",
        NO_OBJECTIVES,
    )


def costly():
    """The incidents that spent most of an error budget."""
    spent = columns(series("mttx_incident_error_budget_spent_ratio"), "incident", "slo")
    return table(
        "Costly incidents",
        "Share of an error budget that an incident of the last 30 days spent, and its part of what all of them spent.",
        [
            Query("A", spent),
            Query("B", f"{spent}\n/ on (job, slo) group_left () {total(spent, 'job', 'slo')}"),
        ],
        [
            Column("incident", "Incident", width=90, link=INCIDENT_PAGE),
            Column("slo", "Objective"),
            Column("A", "Spent", "percentunit", 80, decimals=1),
            Column("B", "Of all", "percentunit", 70, decimals=0),
        ],
        NO_OBJECTIVES,
        sort=("Spent",),
        descending=True,
    )


def dashboard():
    """Build the dashboard."""
    trends = [(8, trend(indicator)) for indicator in WITH_TARGETS] + [(8, opened())]
    widths = (4, 4, 5, 5, 6)
    tiles = [(width, tile(indicator)) for width, indicator in zip(widths, WITH_TARGETS, strict=True)]
    return frame(
        "mttx-overview",
        "Detection, acknowledgement, recovery and postmortems against their targets.",
        [datasource(), job(), severity(), window(), *filters(), exporter_url(), dimension()],
        [
            section("Indicators against targets", (6, *tiles)),
            section("Open incidents and deadlines", (9, (4, open_now()), (20, clocks()))),
            section("Trends", (8, *trends[:3]), (8, *trends[3:])),
            section(
                "Details",
                (10, (24, every_target())),
                (8, (12, durations()), (12, time_to_mitigate())),
                (8, (6, how_they_ended()), (6, gaps()), (6, budgets()), (6, costly())),
                collapsed=True,
            ),
            by_dimension(),
        ],
        since="now-90d",
        regions=incident_regions("Incidents opened per day", enabled=False),
    )
