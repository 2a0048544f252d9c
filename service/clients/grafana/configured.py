"""From the configuration to a connection."""

from collections.abc import Callable

from service import __version__
from service.clients.grafana.connection import Access, Connection, Credential
from service.settings.grafana import GrafanaSettings


def connection_to(grafana: GrafanaSettings, credential: Callable[[], Credential | None] | None = None) -> Connection:
    """Return a connection to the configured Grafana, with its token unless another credential is passed.

    Sends no request. Raises ValueError without a URL.
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
