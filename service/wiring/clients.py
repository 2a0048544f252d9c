"""Clients of the systems that are configured. Building one sends no request."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from service.clients.alertmanager import AlertmanagerApi
from service.clients.bearer import Secret
from service.clients.cdevents import CDEventsWebhook
from service.clients.chat import Chat
from service.clients.grafana.connection import Connection, Credential
from service.clients.http import MAX_JSON_BYTES, HttpClient, JsonApi
from service.clients.prometheus import PrometheusApi
from service.clients.slack import Bot, IncomingWebhook
from service.clients.webhook import JsonWebhook
from service.settings.grafana import GrafanaSettings
from service.settings.http_api import HttpApiAccess
from service.settings.messages import SlackSettings, WebhookSettings
from service.settings.model import Settings


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
        grafana.url,
        credential or grafana.read_token,
        org_id=grafana.org_id,
        verify=trusted if grafana.tls_verify else False,
        timeout=grafana.timeout.total_seconds(),
    )


def prometheus(settings: Settings) -> PrometheusApi | None:
    """Return the client of Prometheus, None without an address."""
    keys = settings.prometheus
    return PrometheusApi(json_api(keys, keys.url)) if keys.url else None


def alertmanagers(settings: Settings) -> list[AlertmanagerApi]:
    """Return a client for each Alertmanager."""
    keys = settings.alertmanager
    return [AlertmanagerApi(json_api(keys, url)) for url in keys.urls]


def slack(keys: SlackSettings) -> Chat:
    """Return Slack's client: the bot if it has a token, else the incoming webhook."""
    url = Secret("the URL of Slack's incoming webhook", keys.read_webhook_url)
    return slack_bot(keys) or IncomingWebhook(HttpClient(timeout=keys.timeout), url)


def slack_bot(keys: SlackSettings) -> Bot | None:
    """Return the client of Slack's bot, None without its token."""
    if not keys.has_bot:
        return None
    http = HttpClient(timeout=keys.timeout, token=Secret("the Slack token", keys.read_token))
    return Bot(http, keys.api_url, keys.channel or "", has_others=bool(keys.channels))


def slack_app(keys: SlackSettings) -> Bot | None:
    """Return a client with the app's token, which Socket Mode takes; None without it."""
    token = keys.app_token
    if token is None:
        return None
    text = token.get_secret_value().strip()
    return Bot(HttpClient(timeout=keys.timeout, token=Secret("the app's token", lambda: text)), keys.api_url, "")


def webhook(keys: WebhookSettings, public_url: str | None) -> Chat:
    """Return the client of the webhook that gets messages as JSON or as CDEvents."""
    token = Secret("the webhook token", keys.token_reader) if keys.token_reader else None
    http = HttpClient(timeout=keys.timeout, ca_file=keys.tls_ca_file, token=token)
    url = Secret("the webhook's URL", keys.read_url)
    return (
        CDEventsWebhook(http, url, public_url or "/mttx-exporter")
        if keys.format == "cdevents"
        else JsonWebhook(http, url)
    )


def json_api(
    keys: HttpApiAccess,
    url: str,
    *,
    least_timeout: timedelta = timedelta(0),
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_JSON_BYTES,
) -> JsonApi:
    """Return a client of the API at `url`."""
    token = keys.bearer_token
    return JsonApi(
        url,
        token=Secret("the token", lambda: token) if token else None,
        ca_file=keys.ca_file,
        timeout=max(keys.timeout, least_timeout),
        headers=headers,
        max_bytes=max_bytes,
    )
