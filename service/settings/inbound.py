"""The keys of what sends us events beside Alertmanager: how it signs, and how it is read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints

from service.settings.durations import PositiveDuration
from service.settings.section import SettingsSection
from service.settings.values import SHORTEST, LabelName, Severity

PRIORITY_MAP: dict[str, Severity] = {"p1": "SEV-1", "p2": "SEV-2", "p3": "SEV-3", "p4": "SEV-4", "p5": "SEV-4"}


def _several(written: SecretStr) -> SecretStr:
    if not secrets_of(written) or not all(secrets_of(written)):
        raise ValueError("should be one secret, or several with commas between")
    if any(len(secret) < SHORTEST for secret in secrets_of(written)):
        raise ValueError(f"should have at least {SHORTEST} characters in each secret, as `openssl rand -hex 32` prints")
    return written


def secrets_of(written: SecretStr | None) -> tuple[bytes, ...]:
    """Return the secrets of a text that has commas between them."""
    text = written.get_secret_value() if written is not None else ""
    return tuple(one.strip().encode() for one in text.split(",")) if text else ()


Secrets = Annotated[SecretStr, AfterValidator(_several)]
Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
Pseudo = Literal["ignore", "incident"]


class GrafanaAlertSettings(SettingsSection):
    """The webhook of Grafana-managed alerts."""

    secrets: Secrets | None = Field(
        None, description="HMAC secrets of Grafana's contact point, with commas between. Then no token is needed there."
    )
    signature_header: Header = Field("X-Grafana-Alerting-Signature", description="The header with the signature.")
    timestamp_header: Header | None = Field(
        None, description="The header with the signed time, as the contact point has it; null: the time is not signed."
    )
    replay_window: PositiveDuration = Field(
        timedelta(minutes=5), description="How old a request with a signed time may be."
    )
    no_data: Pseudo = Field("ignore", description="What a rule without data (DatasourceNoData) is: ignore or incident.")
    error: Pseudo = Field("ignore", description="What a rule with an error (DatasourceError) is: ignore or incident.")


def _with_default_priorities(given: object) -> object:
    if not isinstance(given, Mapping):
        return PRIORITY_MAP if given is None else given
    lowered = {str(key).strip().casefold(): value for key, value in given.items()}
    return {key: value for key, value in (PRIORITY_MAP | lowered).items() if value is not None}


class PagerDutySettings(SettingsSection):
    """The webhook of PagerDuty."""

    secrets: Secrets | None = Field(
        None,
        description="Signing secrets of PagerDuty's webhook subscriptions, with commas between. "
        "Then no token is needed there.",
    )
    priority_map: Annotated[dict[str, Severity], BeforeValidator(_with_default_priorities)] = Field(
        PRIORITY_MAP,
        description="PagerDuty's priorities, in any case, and our severities. Entries are added to the default; null "
        "takes one away. Another priority leaves the severity as it is.",
    )


class CorrelationSettings(SettingsSection):
    """What several sources tell of is one incident."""

    group_key: bool = Field(
        True,
        description="Join an incident of PagerDuty, whose key Alertmanager made from the group, with the group's own.",
    )
    label: LabelName | None = Field(
        None, description="A label whose value names an incident to every source; null: there is none."
    )
