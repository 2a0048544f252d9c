"""Clients of the systems that are configured. Building one sends no request."""

from collections.abc import Callable

from service import __version__
from service.clients.alertmanager import AlertmanagerApi
from service.clients.chat import Chat
from service.clients.grafana.connection import Access, Connection, Credential
from service.clients.json_api import JsonApi
from service.clients.json_sender import JsonSender
from service.clients.prometheus import PrometheusApi
from service.clients.slack import Bot, IncomingWebhook
from service.clients.webhook import Webhook
from service.settings import Settings
from service.settings.grafana import GrafanaSettings
from service.settings.messages import SlackSettings, WebhookSettings


def grafana_connection(
    grafana: GrafanaSettings, credential: Callable[[], Credential | None] | None = None
) -> Connection:
    """Return a connection to Grafana, with its token unless another credential is passed.

    Raises ValueError without a URL.
    """
    if grafana.url is None:
        raise ValueError("grafana.url is not configured")
    trusted: bool | str = str(grafana.tls_ca_file) if grafana.tls_ca_file else True
    return Connection(
        Access(
            url=grafana.url,
            token=credential or grafana.read_token,
            org_id=grafana.org_id,
            verify=trusted if grafana.tls_verify else False,
            timeout=grafana.timeout.total_seconds(),
            user_agent=f"mttx-exporter/{__version__}",
        )
    )


def prometheus(settings: Settings) -> PrometheusApi | None:
    """Return the client of Prometheus, None without an address."""
    keys = settings.prometheus
    if keys.url is None:
        return None
    return PrometheusApi(JsonApi(keys.url, token=keys.bearer_token, ca_file=keys.ca_file, timeout=keys.timeout))


def alertmanagers(settings: Settings) -> list[AlertmanagerApi]:
    """Return a client for each Alertmanager."""
    keys = settings.alertmanager
    return [
        AlertmanagerApi(JsonApi(url, token=keys.bearer_token, ca_file=keys.ca_file, timeout=keys.timeout))
        for url in keys.urls
    ]


def slack(keys: SlackSettings) -> Chat:
    """Return Slack's client: the bot if it has a token, else the incoming webhook."""
    return slack_bot(keys) or IncomingWebhook(JsonSender(timeout=keys.timeout), keys.read_webhook_url)


def slack_bot(keys: SlackSettings) -> Bot | None:
    """Return the client of Slack's bot, None without its token."""
    if not keys.has_bot:
        return None
    return Bot(JsonSender(timeout=keys.timeout), keys.api_url, keys.read_token, keys.channel or "")


def webhook(keys: WebhookSettings) -> Chat:
    """Return the client of the webhook that gets messages as JSON."""
    sender = JsonSender(timeout=keys.timeout, ca_file=keys.tls_ca_file)
    return Webhook(sender, keys.read_url, keys.token_reader)
