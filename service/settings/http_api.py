"""The keys of an HTTP API that is queried: its address, a token, its certificate and the timeout."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from service.settings.section import SettingsSection
from service.settings.values import HttpUrl, PositiveDuration


class HttpApiAccess(SettingsSection):
    """How an API is reached, whatever its address."""

    token: SecretStr | None = Field(None, description="Bearer token for the API.")
    ca_file: Path | None = Field(
        None, description="PEM file of the CA that signed its certificate; null: the default CAs."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="Timeout of one request.")

    @property
    def bearer_token(self) -> str | None:
        """The token as text."""
        return self.token.get_secret_value() if self.token else None


class HttpApiSettings(HttpApiAccess):
    """An API with one address."""

    url: HttpUrl | None = Field(
        None, description="URL of the API, including any path prefix. Without it the API is not queried."
    )
