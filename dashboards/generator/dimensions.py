"""What is shown by dimension: a row for each, and tables of incidents filtered by the values of `team` and `service`.

The row asks the exporter which dimensions there are. The filters name their labels, and `mttx dashboards export` and
`mttx grafana provision` write those of the configuration in place of these (service/provisioning/filters.py).
"""

from generator.board import HIDDEN, query_variable, section_per_dimension
from generator.definitions import WINDOWED
from generator.panels import GREEN, RED, TEXT, TRANSPARENT, Column, Query, stat, table
from generator.queries import WINDOW, columns, replicas, series

LABELS = ("team", "service")
DIMENSION = 'dimension=~"$dimension"'
NAMES = (
    "'no $dimension': incidents without one. 'other': values that are not among the most frequent of the longest "
    "window; `breakdown` in mttx.yml says how many are named."
)
NOTHING = "No incident has a $dimension."
OVERDUE_STEPS = ((None, TRANSPARENT), (1, RED))


def filters():
    """Choose values of each dimension; incidents without a value are shown while all are chosen."""
    return [
        query_variable(
            f"incident_{label}",
            label.capitalize(),
            f"Filters the tables of incidents, postmortems and actions. 'All' includes those without a {label}.",
            f'label_values(mttx_incident_info{{job=~"$job"}}, incident_{label})',
        )
        | {"allValue": ".*"}
        for label in LABELS
    ]


def filtered(expression):
    """Leave out the incidents that have other values; one of which nothing is known, because of the cap, stays."""
    info = columns(series("mttx_incident_info"), "incident")
    matchers = (f'incident_{label}=~"$incident_{label}"' for label in LABELS)
    chosen = columns(series("mttx_incident_info", *matchers), "incident")
    return f"({expression}\nunless on (job, incident) ({info}\nunless on (job, incident) {chosen}))"


def dimension():
    """Which dimensions have a row."""
    return query_variable(
        "dimension",
        "Dimension",
        "The dimensions of `breakdown` in mttx.yml. A row is repeated for each.",
        'label_values(mttx_breakdown_incidents{job=~"$job"}, dimension)',
        hide=HIDDEN,
    )


def _of(metric, *matchers, by=("value",)):
    """Fold the replicas of a metric by dimension, and name the incidents without a value."""
    return f'label_replace({columns(series(metric, DIMENSION, *matchers), *by)}, "value", "no $dimension", "value", "")'


def incidents():
    """How many incidents each value has, and what it owes."""
    detected = _of("mttx_breakdown_incidents", WINDOW)
    return table(
        "Incidents by $dimension",
        f"{WINDOWED} Dismissed ones are not counted. 'Overdue' are postmortem stages of incidents of any age. {NAMES}",
        [
            Query("A", detected),
            Query("B", f"{detected}\n- {_of('mttx_breakdown_incidents_resolved', WINDOW)}"),
            Query("C", _of("mttx_breakdown_postmortems_overdue")),
        ],
        [
            Column("job", "Job", width=90),
            Column("value", "Value"),
            Column("A", "Incidents", "none", 90, decimals=0),
            Column("B", "Not resolved", "none", 105, decimals=0),
            Column("C", "Overdue", "none", 85, decimals=0, steps=OVERDUE_STEPS),
        ],
        NOTHING,
        sort=("Incidents",),
        descending=True,
    )


def indicators():
    """The indicators of each value."""
    by = ("value", "indicator")
    return table(
        "Indicators by $dimension",
        f"{WINDOWED} p95 over all severities, the number of incidents behind it, and the share of them within the "
        f"target of all severities, or within the deadline of their own. Empty without a target. 'Verdict' is what "
        f"that shows about a target for the p50 or p95; undecided: too few to say. {NAMES}",
        [
            Query("A", _of("mttx_breakdown_indicator_seconds", 'statistic="p95"', WINDOW, by=by)),
            Query("B", _of("mttx_breakdown_indicator_incidents", WINDOW, by=by)),
            Query("C", _of("mttx_breakdown_indicator_within_target_ratio", WINDOW, by=by)),
            Query("D", f"{_of('mttx_breakdown_indicator_verdict', WINDOW, by=(*by, 'verdict'))} > 0"),
        ],
        [
            Column("job", "Job", width=90),
            Column("indicator", "Indicator", width=120),
            Column("value", "Value"),
            Column("A", "p95", "s", 100),
            Column("B", "Incidents", "none", 90, decimals=0),
            Column("C", "Met", "percentunit", 80, decimals=0),
            Column("verdict", "Verdict", width=110, colours={"met": GREEN, "missed": RED}),
        ],
        NOTHING,
        sort=("Indicator", "p95"),
        descending=True,
    )


def budgets():
    """What each value spent of the error budgets."""
    spent = _of("mttx_breakdown_error_budget_spent_ratio", WINDOW, by=("value", "slo"))
    return table(
        "Error budgets by $dimension",
        f"{WINDOWED} Share of each objective's error budget that they spent. {NAMES}",
        [
            Query("A", spent),
            Query("B", f"0 * {spent}\n+ on (job, value) group_left () {_of('mttx_breakdown_incidents', WINDOW)}"),
        ],
        [
            Column("job", "Job", width=90),
            Column("slo", "Objective"),
            Column("value", "Value"),
            Column("A", "Spent", "percentunit", 90, decimals=1),
            Column("B", "Incidents", "none", 90, decimals=0),
        ],
        "No error budget was measured of an incident with a $dimension.",
        sort=("Spent",),
        descending=True,
    )


def folded():
    """How many values are not named."""
    return stat(
        "Values in 'other'",
        "Values of $dimension counted together as 'other'. If they are too many, raise its `values` in mttx.yml.",
        [Query("A", replicas(series("mttx_breakdown_values_folded", DIMENSION), "dimension"), "{{job}}")],
        "none",
        NOTHING,
        steps=((None, TEXT),),
        decimals=0,
    )


def by_dimension():
    """The row of a dimension, whose tables name the job."""
    return section_per_dimension(
        "By $dimension",
        (10, (10, incidents()), (14, indicators())),
        (6, (20, budgets()), (4, folded())),
    )
