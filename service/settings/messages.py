"""The keys of messages: what is said of incidents, how often, and where. Without an address nothing is sent."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from service.settings.durations import Duration, PositiveDuration
from service.settings.files import read_text
from service.settings.section import SettingsSection
from service.settings.values import Severity


def _address(written: SecretStr) -> SecretStr:
    parts = urlsplit(written.get_secret_value().strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be an address that starts with https:// or http://")
    return written


def _api(written: str) -> str:
    parts = urlsplit(written)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("should be the address of Slack's API, such as https://slack.com/api")
    return written.rstrip("/")


def _channel(written: str) -> str:
    if not re.fullmatch(r"[CG][A-Z0-9]{6,20}", written):
        raise ValueError("should be the id of a channel, such as C0123456789; Slack shows it in the channel's details")
    return written


SecretUrl = Annotated[SecretStr, AfterValidator(_address)]
ApiUrl = Annotated[str, AfterValidator(_api)]
Channel = Annotated[str, AfterValidator(_channel)]


class UpdateSettings(SettingsSection):
    """How often people are told how it goes while an incident is open (the standard, section 7); null: not at all."""

    sev_1: PositiveDuration | None = Field(
        timedelta(minutes=30), alias="SEV-1", description="How often an update is due in a SEV-1."
    )
    sev_2: PositiveDuration | None = Field(
        timedelta(minutes=30), alias="SEV-2", description="How often an update is due in a SEV-2."
    )
    sev_3: PositiveDuration | None = Field(None, alias="SEV-3", description="How often an update is due in a SEV-3.")
    sev_4: PositiveDuration | None = Field(None, alias="SEV-4", description="How often an update is due in a SEV-4.")

    def by_severity(self) -> dict[Severity, timedelta]:
        """Return how often an update is due, for those severities that have any."""
        every: dict[Severity, timedelta | None] = {
            "SEV-1": self.sev_1,
            "SEV-2": self.sev_2,
            "SEV-3": self.sev_3,
            "SEV-4": self.sev_4,
        }
        return {severity: duration for severity, duration in every.items() if duration is not None}


class MessageSettings(SettingsSection):
    """What is said of incidents, wherever it is said."""

    language: Literal["ja", "en"] = Field("ja", description="Language of the templates that come with the program.")
    templates: Path | None = Field(
        None,
        description="Folder with Jinja files to be filled in instead: report, update, over, reminder, review, each "
        "with .txt.j2; those that are not there are the program's.",
    )
    severities: tuple[Severity, ...] = Field(
        ("SEV-1", "SEV-2", "SEV-3", "SEV-4"), description="Severities of which people are told."
    )
    weekly_review: bool = Field(True, description="Say what the weekly review is about, before it begins.")
    review_lead: Duration = Field(timedelta(hours=1), description="How long before the weekly review that is said.")


class SlackSettings(SettingsSection):
    """Slack: an incoming webhook, or a bot, which keeps each incident in a thread of its own."""

    webhook_url: SecretUrl | None = Field(None, description="Address of an incoming webhook; it is a secret.")
    webhook_url_file: Path | None = Field(None, description="File that holds that address instead.")
    token: SecretStr | None = Field(None, description="Token of a bot (xoxb-…), instead of an incoming webhook.")
    token_file: Path | None = Field(
        None, description="File that holds the token instead; it is read again before each request."
    )
    channel: Channel | None = Field(None, description="The id of the bot's channel, such as C0123456789.")
    api_url: ApiUrl = Field("https://slack.com/api", description="Address of Slack's API.")
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="How long one request to Slack may take.")

    @property
    def has_bot(self) -> bool:
        """Say whether a bot is configured."""
        return self.token is not None or self.token_file is not None

    @property
    def is_used(self) -> bool:
        """Say whether anything is said in Slack."""
        return self.has_bot or self.webhook_url is not None or self.webhook_url_file is not None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        _only_one(self, "slack", ("webhook_url", "webhook_url_file", "token", "token_file"))
        if self.has_bot and self.channel is None:
            msg = "is needed beside slack.token: the channel's id is at the end of what Slack shows about the channel"
            raise PydanticCustomError("mttx_key", msg, {"key": "slack.channel", "value": None})
        return self

    def read_webhook_url(self) -> str | None:
        """Return the address of the webhook. Raises OSError where its file cannot be read."""
        return _read(self.webhook_url, self.webhook_url_file)

    def read_token(self) -> str | None:
        """Return the bot's token. Raises OSError where its file cannot be read."""
        return _read(self.token, self.token_file)

    def read_credential(self) -> tuple[str | None, ...]:
        """Return everything that lets us in. Raises OSError where a file cannot be read."""
        return self.read_webhook_url(), self.read_token()


class WebhookSettings(SettingsSection):
    """Messages as JSON to any other system."""

    url: SecretUrl | None = Field(None, description="Address that takes messages as JSON; it may hold a secret.")
    url_file: Path | None = Field(None, description="File that holds that address instead.")
    token: SecretStr | None = Field(None, description="Bearer token to be sent along.")
    token_file: Path | None = Field(
        None, description="File that holds the token instead; it is read again before each request."
    )
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the certificate; null: the usual ones."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="How long one request may take.")

    @property
    def is_used(self) -> bool:
        """Say whether anything is sent."""
        return self.url is not None or self.url_file is not None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        _only_one(self, "webhook", ("url", "url_file"))
        _only_one(self, "webhook", ("token", "token_file"))
        return self

    def read_url(self) -> str | None:
        """Return the address. Raises OSError where its file cannot be read."""
        return _read(self.url, self.url_file)

    def read_credential(self) -> tuple[str | None, ...]:
        """Return everything that lets us in. Raises OSError where a file cannot be read."""
        return self.read_url(), _read(self.token, self.token_file)

    @property
    def token_reader(self) -> Callable[[], str | None] | None:
        """What returns the token, None where none is configured."""
        return None if self.token is None and self.token_file is None else lambda: _read(self.token, self.token_file)


def _only_one(section: SettingsSection, name: str, keys: tuple[str, ...]) -> None:
    given = [key for key in keys if getattr(section, key) is not None]
    if len(given) > 1:
        context = {"key": f"{name}.{given[1]}", "value": "given"}
        raise PydanticCustomError("mttx_key", f"is set beside {name}.{given[0]}; set one of them", context)


def _read(secret: SecretStr | None, file: Path | None) -> str | None:
    if file is not None:
        return read_text(file).strip()
    return secret.get_secret_value().strip() if secret is not None else None
