"""Map an alert's labels to the severity of its incident. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.policy import Severity
from service.domain.severity_rules import SeverityRules

SEVERITY_LABEL = "incident_severity"
NO_SEVERITY = ""
"""The map's key for alerts without a severity."""
_SEVERITIES = {severity.value.casefold(): severity for severity in Severity}


@dataclass(frozen=True, slots=True)
class MappedSeverity:
    """The severity of an alert, None if it is ignored; `unmapped` is the label's value if no rule maps it."""

    severity: Severity | None
    unmapped: str | None = None


def map_severity(labels: Mapping[str, str], rules: SeverityRules, default: Severity | None = None) -> MappedSeverity:
    """Return the severity of an alert: by `incident_severity`, else by the severity label, each through the map.

    The first of the two that is in the map decides. If both are missing or blank, `NO_SEVERITY` is looked up, and then
    the `default` of the alert's source applies.
    """
    explicit = labels.get(SEVERITY_LABEL, "").strip()
    if severity := _SEVERITIES.get(explicit.casefold()):
        return MappedSeverity(severity)
    values = [value for value in (explicit, labels.get(rules.label, "").strip()) if value] or [NO_SEVERITY]
    for value in values:
        if rules.maps(value):
            return MappedSeverity(rules.by_name[value.lower()])
    if default is not None and values == [NO_SEVERITY]:
        return MappedSeverity(default)
    return MappedSeverity(rules.unmapped, values[0])
