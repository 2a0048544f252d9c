"""One alert in a body, the origin of its notification, and how alerts of all senders are parsed.

Alertmanager and Grafana share the fields. Source: prometheus/alertmanager `template/template.go` Alert.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field

from service.domain.events import Observation
from service.domain.senders import named_alias, named_source
from service.domain.severity_rules import SeverityRules
from service.intake.fingerprints import fingerprint
from service.intake.reasons import Ignored
from service.intake.sources import PROFILES, SenderProfile
from service.intake.wire import WireModel

UNNAMED = "unnamed alert"
LONGEST_KEY = 400
"""Characters of a group key that are kept as they are. An index of PostgreSQL holds rows of less than 2.7 kB."""
IGNORED_ALERTNAMES = (re.compile("^Mttx"), re.compile("^Watchdog$"), re.compile("^InfoInhibitor$"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertParseOptions:
    """How to parse alerts: which become incidents, of what severity, and the size limits of a notification.

    The patterns of `ignored_alertnames` are searched for, so anchor them to match whole names. More than `max_alerts`
    reject the notification, more than `max_labels` the alert; texts longer than `max_text` are truncated. To match
    incidents of other sources, the digest of the group key (as in Alertmanager's PagerDuty integration) or
    `correlation_label` is used as an alias. `no_data` and `error`: whether Grafana's alerts for a rule without data, or
    with an error, become incidents.
    """

    severities: SeverityRules = field(default_factory=SeverityRules)
    ignore_label: str = "mttx_ignore"
    ignored_alertnames: tuple[re.Pattern[str], ...] = IGNORED_ALERTNAMES
    max_alerts: int = 1000
    max_labels: int = 64
    max_text: int = 4096
    by_group_key: bool = False
    correlation_label: str | None = None
    no_data: bool = False
    error: bool = False


class PayloadAlert(WireModel):
    """The fields read from one alert. Alertmanager before 0.19 sends no fingerprint."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    starts_at: str = Field(alias="startsAt")
    ends_at: str | None = Field(default=None, alias="endsAt")
    generator_url: str | None = Field(default=None, alias="generatorURL")
    fingerprint: Annotated[str, Field(max_length=128)] | None = None

    @property
    def identity(self) -> str:
        """The fingerprint, computed from the labels if the sender omits it."""
        return self.fingerprint or fingerprint(self.labels)

    @property
    def is_end_only(self) -> bool:
        """Whether it has only the end, given as the start too (`Observation.is_end_only`)."""
        return self.status == "resolved" and self.starts_at == self.ends_at

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname") or UNNAMED


class Sender:
    """The origin of a notification: its source, the alert group, and the peer of a cluster that sent it.

    `name` is that of an independent sender; the source of its reports, `reported_as`, includes it. A declared source
    has a `profile` of its own, and its groups are no names that other sources use.
    """

    def __init__(
        self, source: str, group_key: str = "", peer: str = "", name: str = "", profile: SenderProfile | None = None
    ) -> None:
        self.profile = profile or PROFILES[source]
        self.reported_as = named_source(str(self.profile.alerts_of or source), name)
        self._shared_key = group_key if profile is None else ""
        self._bounded_key = _bounded_key(group_key)
        self._peer = peer
        self._name = name

    def observation(self, fingerprint: str, starts_at: datetime, ends_at: datetime | None) -> Observation:
        """Return its report of one alert."""
        is_in_group = ends_at is None or self.profile.groups_ends
        return Observation(
            source=self.reported_as,
            fingerprint=fingerprint,
            group_key=self._bounded_key if is_in_group else "",
            starts_at=starts_at,
            ends_at=ends_at,
            peer=self._peer,
        )

    def aliases(self, labels: Mapping[str, str], options: AlertParseOptions) -> tuple[str, ...]:
        """Return the names of an alert's incident that other sources may use, too."""
        of_group = (_digest(self._shared_key),) if options.by_group_key and self._shared_key else ()
        return tuple(
            named_alias(alias, self._name) for alias in (*of_group, *shared_name(labels, options.correlation_label))
        )


def _bounded_key(group_key: str) -> str:
    """Return a group key for use in database keys; a long one (it may include every label) becomes its digest."""
    if len(group_key) <= LONGEST_KEY:
        return group_key
    return f"{group_key[: LONGEST_KEY - 65]}#{_digest(group_key)}"


def _digest(group_key: str) -> str:
    return sha256(group_key.encode()).hexdigest()


def ignored(labels: Mapping[str, str], options: AlertParseOptions) -> Ignored | None:
    """Return why an alert never becomes an incident, else None."""
    if labels.get(options.ignore_label, "").lower() == "true":
        return Ignored.IGNORE_LABEL
    name = labels.get("alertname", "")
    if any(pattern.search(name) for pattern in options.ignored_alertnames):
        return Ignored.ALERTNAME
    return None


def shared_name(labels: Mapping[str, str], label: str | None) -> tuple[str, ...]:
    """Return the alias set in the correlation label, shared by all sources; at most one."""
    value = labels.get(label, "") if label else ""
    return (f"{label}={value}",) if value else ()
