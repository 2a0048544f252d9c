"""The keys of Grafana: where it is, how to get in, and what is shown there."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from service.settings.durations import PositiveDuration
from service.settings.files import read_text
from service.settings.section import SettingsSection
from service.settings.values import Severity


def _grafana(written: str) -> str:
    parts = urlsplit(written)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(
            "should be Grafana's address, such as https://grafana.example.com or https://example.com/grafana"
        )
    return written.rstrip("/")


GrafanaUrl = Annotated[str, AfterValidator(_grafana)]
Uid = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,40}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class AnnotatedDashboard(SettingsSection):
    """A dashboard on which incidents are shown besides; no severities mean all, and every label must match."""

    uid: Uid
    severities: tuple[Severity, ...] = ()
    labels: Mapping[str, str] = Field(default_factory=dict)


class GrafanaSettings(SettingsSection):
    """Incidents as annotations in Grafana, and the dashboards that come with the program."""

    url: GrafanaUrl | None = Field(
        None, description="Grafana's address, with its sub-path where it has one. Without it nothing is sent there."
    )
    token: SecretStr | None = Field(None, description="Token of a service account with the role Editor.")
    token_file: Path | None = Field(
        None,
        description="File that holds the token instead; it is read again before each request, so it can be renewed.",
    )
    org_id: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The organisation's id, where the token belongs to more than one; null: the token's own."
    )
    tls_verify: bool = Field(True, description="Check Grafana's certificate.")
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed Grafana's certificate; null: the usual ones."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="How long one request to Grafana may take.")
    annotations: bool = Field(True, description="Show incidents as annotations; false: only `mttx grafana provision`.")
    dashboards: tuple[AnnotatedDashboard, ...] = Field(
        (),
        description="Dashboards on which incidents are annotated besides: a list of uid, severities (none: all) and "
        "labels that the incident must have.",
    )
    folder: Name = Field("Incident response", description="The folder that `mttx grafana provision` makes.")
    folder_uid: Uid = Field("mttx", description="The uid of that folder; one that is there already is used as it is.")

    @property
    def is_annotated(self) -> bool:
        """Say whether incidents are shown in Grafana."""
        return self.url is not None and self.annotations

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token is not None and self.token_file is not None:
            context = {"key": "grafana.token_file", "value": str(self.token_file)}
            raise PydanticCustomError("mttx_key", "is set beside grafana.token; set one of them", context)
        return self

    def read_token(self) -> str | None:
        """Return the token, None where there is none. Raises OSError where its file cannot be read."""
        if self.token_file is not None:
            return read_text(self.token_file).strip()
        return self.token.get_secret_value().strip() if self.token is not None else None
