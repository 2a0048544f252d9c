"""Alert rules whose alerts carry an incident's dimensions: the bundled ones have `team` and `service`.

Each expression in `JOINED` has a series per incident, which gets these labels from `mttx_incident_info`.
"""

from collections.abc import Iterable, Sequence

BUNDLED_LABELS = ("team", "service")
JOINED = (
    "incident:mttx_unacknowledged_seconds:over_target",
    "incident:mttx_unresolved_seconds:over_target",
    "max without (instance, pod) (mttx_postmortem_due_timestamp_seconds)",
    "max without (instance, pod) (mttx_postmortem_deadline_seconds)",
    "max without (instance, pod) (mttx_action_due_timestamp_seconds)",
)
ALERT_LABELS = frozenset(
    {
        *("alertname", "instance", "job", "pod", "severity"),
        *("action", "action_type", "incident", "incident_severity", "mttx_ignore", "stage"),
    }
)
"""Labels that alerts have already: a dimension named like one of them stays `incident_job`."""
INSTALLATION = ("job", "namespace", "cluster")
"""Labels by which the incidents of one installation are told from those of another with the same numbers."""
_INDENT = " " * 10


def with_dimensions(rules: str, labels: Sequence[str]) -> str:
    """Return bundled rules whose alerts carry these dimensions as labels."""
    for expression in JOINED:
        rules = rules.replace(joined(expression, BUNDLED_LABELS), joined(expression, labels))
    return rules


def joined(expression: str, labels: Sequence[str]) -> str:
    """Return an expression of incidents with their dimensions as labels.

    Replicas may see an incident with different values, so one of its series is picked: the latest scraped. An incident
    without a series of `mttx_incident_info`, which is capped, keeps no value but is never lost. A label of the scrape
    target by the same name is moved to `target_…`.
    """
    if not labels:
        return _INDENT + expression
    renamed = [label for label in labels if label not in ALERT_LABELS]
    dimensions = _listed(f"incident_{label}" for label in labels)
    incident = _listed((*INSTALLATION, *(label for label in renamed if label not in INSTALLATION), "incident"))
    lines = [
        f"max without ({_listed(f'incident_{label}' for label in renamed)}) (",
        f"  {'label_replace(' * 2 * len(renamed)}",
        f"    {expression}",
        f"      * on ({incident}) group_left ({dimensions})",
        "    (",
        f"      topk by ({incident}) (",
        "        1, max without (instance, pod) (timestamp(mttx_incident_info))",
        "      ) >= bool 0",
        "    )",
        f"      or ignoring ({dimensions})",
        f"    {expression}{',' if renamed else ''}",
        *(f"  {_renamed(label)}{',' if label != renamed[-1] else ''}" for label in renamed),
        ")",
    ]
    return "\n".join(f"{_INDENT}{line}" for line in lines if line.strip())


def _renamed(label: str) -> str:
    return f'"target_{label}", "$1", "{label}", "(.*)"), "{label}", "$1", "incident_{label}", "(.*)")'


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(labels)
