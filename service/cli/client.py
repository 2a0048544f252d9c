"""Talks to a running service over HTTP, for commands. A write carries an event id, so that trying again is safe."""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from service.clients.credentials import Bearer
from service.settings.files import read_text

DEFAULT_URL = "http://127.0.0.1:9877"
TIMEOUT_SECONDS = (5, 40)  # to connect; to answer, which is longer than the service itself waits for a commit
TRIES = 5
INCIDENTS = "/api/v1/incidents"

Query = Mapping[str, str | int | Sequence[str]]


class Client:
    """One service. Every method raises `click.ClickException` (exit code 1) with what the service said."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = Bearer(token)
        self._session.trust_env = not _is_loopback(url)  # no proxy leads to this machine
        again = Retry(total=TRIES, redirect=False, status_forcelist=[503], allowed_methods=None, backoff_factor=0.3)
        again.raise_on_status = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return what is there."""
        return self._exchange("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a write; `body` carries an `event_id`."""
        return self._exchange("POST", path, json=body)

    def _exchange(self, method: str, path: str, **more: Any) -> Any:
        url = f"{self._url}{path}"
        try:
            answer = self._session.request(method, url, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)
        except requests.Timeout:
            raise click.ClickException(f"{self._url} did not answer in time; it is safe to try again") from None
        except requests.ConnectionError:
            msg = f"cannot reach {self._url}; does `mttx serve` run there? MTTX_URL names another address"
            raise click.ClickException(msg) from None
        except requests.RequestException as error:
            raise click.ClickException(f"{self._url}: {error}") from None
        told = _json(answer)
        if answer.ok and told is not None:
            return told
        raise click.ClickException(_refusal(answer, told))


def connect() -> Client:
    """Return the client of the service that MTTX_URL names, with the token of MTTX_TOKEN or MTTX_TOKEN_FILE."""
    url = os.environ.get("MTTX_URL") or DEFAULT_URL
    if urlsplit(url).scheme not in ("http", "https"):
        raise click.UsageError(f"MTTX_URL should be an address such as {DEFAULT_URL}")
    return Client(url, _token(os.environ))


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


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _refusal(answer: requests.Response, told: Any) -> str:
    detail = told.get("detail") if isinstance(told, dict) else None
    if detail is None:
        return f"{answer.url} answered {answer.status_code} {answer.reason}; is that mttx-exporter? (MTTX_URL)"
    hint = " Set MTTX_TOKEN or MTTX_TOKEN_FILE." if answer.status_code == 401 else ""
    return f"{detail}{hint}"
