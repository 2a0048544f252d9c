"""The `grafana` section: its address, the credentials, and what is shown there."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from service.domain.policy import Severity
from service.settings.credentials import read_credential, require_at_most_one
from service.settings.section import SettingsSection
from service.settings.values import HttpUrl, PositiveDuration

Uid = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,40}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class AnnotatedDashboard(SettingsSection):
    """A further dashboard on which incidents are annotated; no severities means all, and every label must match."""

    uid: Uid
    severities: tuple[Severity, ...] = ()
    labels: Mapping[str, str] = Field(default_factory=dict)


class GrafanaSettings(SettingsSection):
    """Incidents as annotations in Grafana, and the bundled dashboards."""

    url: HttpUrl | None = Field(
        None, description="Grafana's URL, including any sub-path. Without it nothing is sent to Grafana."
    )
    token: SecretStr | None = Field(None, description="Token of a service account with the role Editor.")
    token_file: Path | None = Field(
        None,
        description="File that holds the token instead; it is read before each request, so the token can be rotated.",
    )
    org_id: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Id of the organisation, if the token belongs to several; null: the token's own."
    )
    tls_verify: bool = Field(True, description="Verify Grafana's certificate.")
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the CA that signed Grafana's certificate; null: the default CAs."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="Timeout of one request to Grafana.")
    annotations: bool = Field(True, description="Show incidents as annotations; false: only `mttx grafana provision`.")
    dashboards: tuple[AnnotatedDashboard, ...] = Field(
        (),
        description="Further dashboards on which incidents are annotated: a list of uid, severities (empty: all) and "
        "labels that the incident must have.",
    )
    folder: Name = Field("Incident response", description="Folder that `mttx grafana provision` creates.")
    folder_uid: Uid = Field(
        "mttx", description="UID of that folder; an existing folder with this UID is used as it is."
    )

    @property
    def is_annotated(self) -> bool:
        """Whether incidents are annotated in Grafana."""
        return self.url is not None and self.annotations

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        require_at_most_one(self, "token", "token_file")
        return self

    def read_token(self) -> str | None:
        """Return the token, None if none is configured. Raises OSError if its file cannot be read."""
        return read_credential(self.token, self.token_file)
