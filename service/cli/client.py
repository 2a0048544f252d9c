"""HTTP client of a running service, for commands. Writes carry an event id, so that retries are safe."""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NameResolutionError
from urllib3.util import Retry

from service.clients.bearer import Secret, bearer
from service.settings.files import read_text

DEFAULT_URL = "http://127.0.0.1:9877"
TIMEOUT_SECONDS = (5, 40)  # connect; read, which is longer than the service itself waits for a commit
TRIES = 5
INCIDENTS = "/api/v1/incidents"

_PAGES = {
    401: "a valid token is needed. Set MTTX_TOKEN or MTTX_TOKEN_FILE.",
    403: "the token lacks the scope `read`",
    404: "there is no such page: the month has not begun, or the service is of an earlier version",
    503: "the service cannot read its database now; try again",
}
"""What the error pages say."""
Query = Mapping[str, str | int | Sequence[str]]


class Client:
    """One service. Every method raises `click.ClickException` (exit code 1) with the service's own reason."""

    def __init__(self, url: str, token: str | None, *, ca: Path | None = None, cert: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.verify = str(ca) if ca else True
        self._session.cert = str(cert) if cert else None
        self._session.auth = bearer(Secret("the token", lambda: token) if token else None)
        self._session.trust_env = not _is_loopback(url)  # a proxy cannot reach this machine
        retry = Retry(total=TRIES, redirect=False, status_forcelist=[503], allowed_methods=None, backoff_factor=0.3)
        retry.raise_on_status = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def get(self, path: str, query: Query | None = None) -> Any:
        """GET a path and return its JSON."""
        return self._exchange("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a write; `body` carries an `event_id`."""
        return self._exchange("POST", path, json=body)

    def text(self, path: str, query: Query | None = None) -> str:
        """GET a path and return its text."""
        response = self._response("GET", path, params=query)
        if response.ok:
            response.encoding = "utf-8"
            return response.text
        raise click.ClickException(_refusal(response, _json(response)))

    def _exchange(self, method: str, path: str, **more: Any) -> Any:
        response = self._response(method, path, **more)
        content = _json(response)
        if response.ok and content is not None:
            return content
        raise click.ClickException(_refusal(response, content))

    def _response(self, method: str, path: str, **more: Any) -> requests.Response:
        url = f"{self._url}{path}"
        try:
            return self._session.request(method, url, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)
        except requests.Timeout:
            raise click.ClickException(f"{self._url} did not answer in time; it is safe to try again") from None
        except requests.ConnectionError as error:
            raise click.ClickException(f"cannot reach {self._url}: {_reason(error)}") from None
        except requests.RequestException as error:
            raise click.ClickException(f"{self._url}: {error}") from None


def connect() -> Client:
    """Return a client of the service at MTTX_URL, with the token of MTTX_TOKEN or MTTX_TOKEN_FILE, for a command."""
    url = os.environ.get("MTTX_URL") or DEFAULT_URL
    if urlsplit(url).scheme not in ("http", "https"):
        raise click.UsageError(f"MTTX_URL should be an address such as {DEFAULT_URL}")
    options = click.get_current_context().find_root().params
    return Client(url, _token(os.environ), ca=options["ca"], cert=options["cert"])


def service_zone(client: Client) -> ZoneInfo:
    """Return the service's display zone, in which every command prints times."""
    return ZoneInfo(client.get("/api/v1/policy")["timezone"])


def _token(environ: Mapping[str, str]) -> str | None:
    path = environ.get("MTTX_TOKEN_FILE")
    if environ.get("MTTX_TOKEN") or not path:
        return environ.get("MTTX_TOKEN")
    try:
        return read_text(Path(path)).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read MTTX_TOKEN_FILE: {error}") from None


def _is_loopback(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _reason(error: requests.ConnectionError) -> str:
    """Describe a connection failure: the name, the certificate, or no listener."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(error, requests.exceptions.SSLError):
        return f"the TLS connection failed ({reason}); check --ca and --cert, or whether MTTX_URL should be http"
    if isinstance(reason, NameResolutionError):
        return "its name cannot be resolved; check MTTX_URL and the DNS"
    if isinstance(getattr(reason, "__cause__", None) or getattr(reason, "__context__", None), ConnectionRefusedError):
        return "connection refused; is `mttx serve` running there? MTTX_URL sets the address"
    return f"{reason}; is `mttx serve` running there? MTTX_URL sets the address"


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _refusal(response: requests.Response, content: Any) -> str:
    detail = content.get("detail") if isinstance(content, dict) else None
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if is_page and response.status_code in _PAGES:
        return _PAGES[response.status_code]
    if detail is None:
        return f"{response.url} answered {response.status_code} {response.reason}; is that mttx-exporter? (MTTX_URL)"
    hint = " Set MTTX_TOKEN or MTTX_TOKEN_FILE." if response.status_code == 401 else ""
    return f"{detail}{hint}"
