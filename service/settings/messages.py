"""The sections about messages: which are sent, how often, and where. Without a destination nothing is sent."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from service.domain.breakdown import dimension_value
from service.domain.policy import Severity
from service.settings.credentials import read_credential, require_at_most_one
from service.settings.inbound import Secrets
from service.settings.section import SettingsSection, problem_at
from service.settings.values import Count, Duration, HttpUrl, PositiveDuration, is_http_url


def _secret_url(url: SecretStr) -> SecretStr:
    if not is_http_url(url.get_secret_value().strip()):
        raise ValueError("should be a URL that starts with https:// or http://")
    return url


def _channel(channel: str) -> str:
    if not re.fullmatch(r"[CG][A-Z0-9]{6,20}", channel):
        raise ValueError("should be a channel id, such as C0123456789; Slack shows it in the channel's details")
    return channel


def _app_token(token: SecretStr) -> SecretStr:
    if not token.get_secret_value().strip().startswith("xapp-"):
        raise ValueError("should be an app-level token, which begins with xapp-")
    return token


AppToken = Annotated[SecretStr, AfterValidator(_app_token)]
Team = Annotated[str, StringConstraints(pattern=r"^T[A-Z0-9]{6,20}$")]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]
Channel = Annotated[str, AfterValidator(_channel)]


def _by_value(channels: dict[str, str]) -> dict[str, str]:
    """Write the values as incidents have them."""
    if not all(value.strip() for value in channels):
        raise ValueError("should name values; incidents without one are reported in slack.channel")
    return {dimension_value(value): channel for value, channel in channels.items()}


ChannelsByValue = Annotated[dict[str, Channel], AfterValidator(_by_value)]


class MessageSettings(SettingsSection):
    """Messages about incidents, wherever they are sent."""

    language: Literal["ja", "en"] = Field("ja", description="Language of the bundled templates.")
    templates: Path | None = Field(
        None,
        description="Folder with Jinja templates that replace the bundled ones: report, update, over, reminder, "
        "review and storm, each with .txt.j2; for missing ones the bundled template is used.",
    )
    severities: tuple[Severity, ...] = Field(
        tuple(Severity), description="Severities of incidents for which messages are sent."
    )
    weekly_review: bool = Field(True, description="Send the agenda of the weekly review before it begins.")
    review_lead: Duration = Field(
        timedelta(hours=1), description="How long before the weekly review its agenda is sent."
    )
    storm_reports: Count | None = Field(
        5,
        description="First reports that a Slack bot posts to a channel within `messages.storm_window`; one message "
        "names all further incidents. null: each incident gets its own.",
    )
    storm_window: PositiveDuration = Field(
        timedelta(minutes=5), description="The time to which `messages.storm_reports` applies."
    )


class SlackSettings(SettingsSection):
    """Slack: an incoming webhook, or a bot, which uses one thread per incident."""

    webhook_url: SecretUrl | None = Field(None, description="URL of an incoming webhook; it is a secret.")
    webhook_url_file: Path | None = Field(None, description="File that holds that URL instead.")
    token: SecretStr | None = Field(None, description="Token of a bot (xoxb-…), instead of an incoming webhook.")
    token_file: Path | None = Field(
        None, description="File that holds the token instead; it is read before each request."
    )
    channel: Channel | None = Field(None, description="Id of the channel that the bot posts to, such as C0123456789.")
    channels: dict[str, ChannelsByValue] = Field(
        {},
        description="Channels by dimension and value, such as {team: {payments: C0456789012}}: messages about an "
        "incident go to that of its value, all others to `slack.channel`.",
    )
    app_token: AppToken | None = Field(
        None,
        description="App-level token (xapp-…) for buttons and `/mttx` over Socket Mode, which needs no address that "
        "Slack can reach.",
    )
    signing_secret: Secrets | None = Field(
        None,
        description="Signing secrets, separated by commas: buttons and `/mttx` by signed requests to /webhooks/slack "
        "instead.",
    )
    team_id: Team | None = Field(
        None, description="Id of the workspace (T0123456789); presses and commands of any other are rejected."
    )
    commander: bool = Field(
        False,
        description="Who acknowledges in Slack an incident without a commander is recorded as its commander, by the "
        "name that the workspace has.",
    )
    api_url: HttpUrl = Field("https://slack.com/api", description="URL of the Slack API.")
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="Timeout of one request to Slack.")

    @property
    def has_bot(self) -> bool:
        """Whether a bot is configured."""
        return self.token is not None or self.token_file is not None

    @property
    def has_buttons(self) -> bool:
        """Whether people can act in Slack."""
        return self.app_token is not None or self.signing_secret is not None

    @property
    def is_used(self) -> bool:
        """Whether messages are sent to Slack."""
        return self.has_bot or self.webhook_url is not None or self.webhook_url_file is not None

    @model_validator(mode="after")
    def _require_one_destination(self) -> Self:
        require_at_most_one(self, "webhook_url", "webhook_url_file", "token", "token_file")
        if self.has_bot and self.channel is None:
            advice = "is required with slack.token: the channel id is at the end of the channel's details in Slack"
            raise problem_at("channel", advice)
        if self.has_buttons and not self.has_bot:
            key = "app_token" if self.app_token is not None else "signing_secret"
            raise problem_at(key, "requires slack.token: only a bot's messages have buttons")
        if self.channels and self.is_used and not self.has_bot:
            raise problem_at("channels", "requires slack.token: an incoming webhook posts to a single channel")
        return self

    def read_webhook_url(self) -> str | None:
        """Return the URL of the webhook. Raises OSError if its file cannot be read."""
        return read_credential(self.webhook_url, self.webhook_url_file)

    def read_token(self) -> str | None:
        """Return the bot's token. Raises OSError if its file cannot be read."""
        return read_credential(self.token, self.token_file)

    def read_credential(self) -> tuple[str | None, ...]:
        """Return all credentials. Raises OSError if a file cannot be read."""
        return self.read_webhook_url(), self.read_token()


class WebhookSettings(SettingsSection):
    """Messages as JSON, or as CDEvents, to any other system."""

    url: SecretUrl | None = Field(None, description="URL that receives messages as JSON; it may contain a secret.")
    url_file: Path | None = Field(None, description="File that holds that URL instead.")
    token: SecretStr | None = Field(None, description="Bearer token sent with each message.")
    token_file: Path | None = Field(
        None, description="File that holds the token instead; it is read before each request."
    )
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the CA that signed the certificate; null: the default CAs."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="Timeout of one request.")
    format: Literal["json", "cdevents"] = Field(
        "json",
        description="`json`: every message; `cdevents`: a CDEvent when an incident is detected or resolved.",
    )

    @property
    def is_used(self) -> bool:
        """Whether messages are sent to a webhook."""
        return self.url is not None or self.url_file is not None

    @model_validator(mode="after")
    def _require_one_source(self) -> Self:
        require_at_most_one(self, "url", "url_file")
        require_at_most_one(self, "token", "token_file")
        return self

    def read_url(self) -> str | None:
        """Return the URL. Raises OSError if its file cannot be read."""
        return read_credential(self.url, self.url_file)

    def read_credential(self) -> tuple[str | None, ...]:
        """Return all credentials. Raises OSError if a file cannot be read."""
        return self.read_url(), read_credential(self.token, self.token_file)

    @property
    def token_reader(self) -> Callable[[], str | None] | None:
        """A function that returns the token; None if none is configured."""
        if self.token is None and self.token_file is None:
            return None
        return lambda: read_credential(self.token, self.token_file)
