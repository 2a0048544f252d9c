"""A client of JSON APIs: one request, bounded in time and size, with one error for everything that can go wrong."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from service.clients.credentials import Bearer

CHUNK_BYTES = 64 * 1024
LONGEST_ERROR = 300


class RequestFailed(Exception):
    """There was no usable response; try again later. The text carries no token; `status` is HTTP's, if any."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class JsonApi:
    """One server's API. Not thread-safe. `max_bytes` bounds a response; None: unbounded."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca_file: Path | None = None,
        timeout: timedelta,
        max_bytes: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self._max_bytes = max_bytes
        self._timeout = timeout.total_seconds()
        self._session = requests.Session()
        self._session.verify = str(ca_file) if ca_file else True
        self._session.headers["Accept"] = "application/json"
        self._session.headers.update(headers or {})
        self._session.auth = Bearer(token)

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Return the parsed response. Raises RequestFailed."""
        return self._read("GET", path, params=parameters)

    def post(self, path: str, form: Mapping[str, str]) -> Any:
        """Post a form, for parameters too long for a URL, and return the parsed response. Raises RequestFailed."""
        return self._read("POST", path, data=form)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _read(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._session.request(
                method, f"{self.url}{path}", timeout=self._timeout, allow_redirects=False, stream=True, **options
            )
            with response:
                body = self._body(response, path)
        except (requests.RequestException, OSError) as error:
            raise RequestFailed(f"{self.url}{path}: {type(error).__name__}") from error
        status = response.status_code
        if status != 200:
            raise RequestFailed(f"{self.url}{path}: answered {status}{_error_text(body, response)}", status)
        try:
            return json.loads(body)
        except ValueError as error:
            raise RequestFailed(f"{self.url}{path}: the response is not JSON") from error

    def _body(self, response: requests.Response, path: str) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if self._max_bytes is not None and len(body) > self._max_bytes:
                raise RequestFailed(f"{self.url}{path}: the response exceeds {self._max_bytes} bytes; query less")
        return bytes(body)


def _error_text(body: bytes, response: requests.Response) -> str:
    """Return the error message of a Prometheus-like API, shortened; "" if the body is not one."""
    try:
        payload = json.loads(body)
    except ValueError:
        plain = response.headers.get("Content-Type", "").startswith("text/plain")  # as Loki and Tempo do
        return _shortened(body.decode(errors="replace")) if plain else ""
    if not isinstance(payload, dict):
        return ""
    errors = payload.get("errors")  # Jaeger's
    first = errors[0] if isinstance(errors, list) and errors else None
    return _shortened(first.get("msg") if isinstance(first, dict) else payload.get("error"))


def _shortened(error: object) -> str:
    text = " ".join(error.split()) if isinstance(error, str) else ""
    return f" ({text[:LONGEST_ERROR]})" if text else ""
