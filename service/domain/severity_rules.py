"""From the severities of other tools to those of incidents: the default maps, and the rules of a team."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.policy import Severity

SEVERITY_LABEL = "incident_severity"
NO_SEVERITY = ""
"""The map's key for alerts without a severity."""
_SEVERITIES = {severity.value.casefold(): severity for severity in Severity}
_NAMES: dict[Severity | None, str] = {
    Severity.SEV_1: "sev-1 sev1 p1 emergency disaster fatal",
    Severity.SEV_2: "sev-2 sev2 p2 critical page",
    Severity.SEV_3: "sev-3 sev3 p3 high error major",
    Severity.SEV_4: "sev-4 sev4 p4 p5 warning warn medium minor low",
    None: "info none debug ok",
}
SEVERITY_MAP = {name: severity for severity, names in _NAMES.items() for name in names.split()}
"""The severities of alerts, in lower case; None: the alert is ignored."""
PRIORITY_MAP = {
    "p1": Severity.SEV_1,
    "p2": Severity.SEV_2,
    "p3": Severity.SEV_3,
    "p4": Severity.SEV_4,
    "p5": Severity.SEV_4,
}
"""The priorities of PagerDuty and Opsgenie, in lower case."""


@dataclass(frozen=True, slots=True)
class MappedSeverity:
    """The severity of an alert, None if it is ignored; `unmapped` is the label's value if no rule maps it."""

    severity: Severity | None
    unmapped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRules:
    """Rules that map labels to severities. Keys are in lower case; a severity of None ignores the alert.

    Values missing from `by_name` get the severity `unmapped`.
    """

    by_name: Mapping[str, Severity | None] = field(default_factory=lambda: dict(SEVERITY_MAP))
    label: str = "severity"
    unmapped: Severity | None = Severity.SEV_4

    def maps(self, value: str) -> bool:
        """Return whether a rule maps this label value."""
        return value.strip().lower() in self.by_name

    def severity_of(self, labels: Mapping[str, str], default: Severity | None = None) -> MappedSeverity:
        """Return the severity of an alert: by `incident_severity`, else by the severity label, each through the map.

        The first of the two that is in the map decides. If both are missing or blank, `NO_SEVERITY` is looked up, and
        then the `default` of the alert's source applies.
        """
        explicit = labels.get(SEVERITY_LABEL, "").strip()
        if severity := _SEVERITIES.get(explicit.casefold()):
            return MappedSeverity(severity)
        values = [value for value in (explicit, labels.get(self.label, "").strip()) if value] or [NO_SEVERITY]
        for value in values:
            if self.maps(value):
                return MappedSeverity(self.by_name[value.lower()])
        if default is not None and values == [NO_SEVERITY]:
            return MappedSeverity(default)
        return MappedSeverity(self.unmapped, values[0])
