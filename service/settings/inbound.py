"""The sections of the event sources besides Alertmanager: their signatures and how their events are interpreted."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints

from service.domain.events import EventKind
from service.domain.policy import Severity
from service.domain.severity_rules import PRIORITY_MAP
from service.settings.section import SettingsSection
from service.settings.values import SHORTEST, LabelName, PositiveDuration, added_to


def several_secrets(text: SecretStr) -> SecretStr:
    """Check a text of one secret or several. Raises ValueError."""
    secrets = secrets_of(text)
    if not secrets or not all(secrets):
        raise ValueError("should be one secret, or several separated by commas")
    if any(len(secret) < SHORTEST for secret in secrets):
        raise ValueError(
            f"should have at least {SHORTEST} characters per secret, such as `openssl rand -hex 32` prints"
        )
    return text


def secrets_of(text: SecretStr | None) -> tuple[bytes, ...]:
    """Return the secrets in a comma-separated text."""
    secrets = text.get_secret_value() if text is not None else ""
    return tuple(secret.strip().encode() for secret in secrets.split(",")) if secrets else ()


Secrets = Annotated[SecretStr, AfterValidator(several_secrets)]
Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
PseudoAlert = Literal["ignore", "incident"]


class GrafanaAlertSettings(SettingsSection):
    """The webhook of Grafana-managed alerts."""

    secrets: Secrets | None = Field(
        None, description="HMAC secrets of Grafana's contact point, separated by commas. With them no token is needed."
    )
    signature_header: Header = Field("X-Grafana-Alerting-Signature", description="Header that carries the signature.")
    timestamp_header: Header | None = Field(
        None,
        description="Header that carries the signed time, as configured in the contact point; null: the time is not "
        "signed.",
    )
    replay_window: PositiveDuration = Field(
        timedelta(minutes=5), description="Maximum age of a request with a signed time."
    )
    no_data: PseudoAlert = Field(
        "ignore", description="What a rule without data (DatasourceNoData) becomes: `ignore` or `incident`."
    )
    error: PseudoAlert = Field(
        "ignore", description="What a rule with an error (DatasourceError) becomes: `ignore` or `incident`."
    )


def _without_nulls(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {priority: severity for priority, severity in value.items() if severity is not None}


PriorityMap = Annotated[dict[str, Severity], BeforeValidator(_without_nulls), added_to(PRIORITY_MAP, in_any_case=True)]


class PagerDutySettings(SettingsSection):
    """The webhook of PagerDuty."""

    secrets: Secrets | None = Field(
        None,
        description="Signing secrets of PagerDuty's webhook subscriptions, separated by commas. With them no token is "
        "needed.",
    )
    priority_map: PriorityMap = Field(
        PRIORITY_MAP,
        description="Maps PagerDuty's priorities, in any case, to severities. Entries are added to the default; null "
        "removes one. Any other priority leaves the severity unchanged.",
    )


class CDEventsSettings(SettingsSection):
    """The webhook of CDEvents."""

    resolved: Literal[EventKind.RESOLVED, EventKind.ACKNOWLEDGED] = Field(
        EventKind.RESOLVED,
        description="What `incident.resolved` means: `resolved`, the recovery, or `acknowledged`; the specification "
        "allows both.",
    )


class CorrelationSettings(SettingsSection):
    """How reports from several sources become one incident."""

    group_key: bool = Field(
        True,
        description="Join a PagerDuty incident whose key Alertmanager made from an alert group with the incident of "
        "that group.",
    )
    label: LabelName | None = Field(
        None, description="Label whose value identifies an incident across all sources; null: none."
    )
