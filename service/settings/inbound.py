"""The keys of what sends us events beside Alertmanager: how it signs, and how it is read."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from service.settings.durations import PositiveDuration
from service.settings.section import Section


def _several(written: SecretStr) -> SecretStr:
    if not secrets_of(written) or not all(secrets_of(written)):
        raise ValueError("should be one secret, or several with commas between")
    return written


def secrets_of(written: SecretStr | None) -> tuple[bytes, ...]:
    """Return the secrets of a text that has commas between them."""
    text = written.get_secret_value() if written is not None else ""
    return tuple(one.strip().encode() for one in text.split(",")) if text else ()


Secrets = Annotated[SecretStr, AfterValidator(_several)]
Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
Pseudo = Literal["ignore", "incident"]


class GrafanaAlerts(Section):
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
