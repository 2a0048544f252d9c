"""HTTP requests to other systems, bounded in time and size."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from service import __version__
from service.clients.bearer import Secret, bearer
from service.clients.errors import RequestFailed, retry_after, status_error, timed_out, unexpected, unreachable

T = TypeVar("T")
MAX_BYTES = 1024 * 1024
"""How much is read of a response; of a JSON API's, `MAX_JSON_BYTES`."""
MAX_JSON_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_LONGEST_SNIPPET = 300


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response of `server`; `is_cut`: its body was longer than what was read."""

    server: str
    status: int
    body: bytes
    retry_after: timedelta | None = None
    is_cut: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def snippet(self) -> str:
        """The beginning of the body as one line."""
        return _line(self.body[: 4 * _LONGEST_SNIPPET].decode(errors="replace"))

    @property
    def detail(self) -> str:
        """What the server says about an error: the text of a JSON error, or of a body that is not a page."""
        payload = self.json()
        if not isinstance(payload, dict):
            return "" if self.snippet.startswith("<") else self.snippet
        errors = payload.get("errors")  # Jaeger's
        first = errors[0] if isinstance(errors, list) and errors else None
        text = first.get("msg") if isinstance(first, dict) else payload.get("error")
        return _line(text) if isinstance(text, str) else self.snippet

    def json(self) -> Any:
        """Return the parsed body, None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def error(self) -> RequestFailed:
        """Return what an unsuccessful status means."""
        detail = f"{self.status}: {self.detail}" if self.detail else str(self.status)
        return status_error(self.server, self.status, detail, retry_after=self.retry_after)


class HttpClient:
    """Sends requests to one system. Not thread-safe. Redirects are not followed: a secret goes to one address only.

    Errors name the host, never the path, which may itself be a secret. `token` is sent as a bearer token.
    """

    def __init__(
        self,
        *,
        timeout: timedelta,
        token: Secret | None = None,
        ca_file: Path | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        import requests

        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._session = requests.Session()
        self._session.verify = str(ca_file) if ca_file else True
        self._session.auth = bearer(token)
        self._session.headers["User-Agent"] = f"mttx-exporter/{__version__}"
        self._session.headers.update(headers or {})

    def send(self, method: str, url: str, *, server: str = "", **options: Any) -> HttpResponse:
        """Send one request and return the response, whatever its status. Raises RequestFailed if there is none.

        `options` are those of requests; `server` is what errors call it instead of the host.
        """
        from requests import RequestException, Timeout

        server = server or _host(url)
        try:
            with self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, stream=True, **options
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(_CHUNK_BYTES):
                    body += chunk
                    if len(body) > self._max_bytes:
                        break
        except Timeout as error:
            raise timed_out(server) from error
        except (RequestException, OSError, ValueError) as error:
            raise unreachable(server, error) from error
        return HttpResponse(
            server,
            response.status_code,
            bytes(body[: self._max_bytes]),
            retry_after(response.headers.get("Retry-After")),
            is_cut=len(body) > self._max_bytes,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class JsonApi:
    """The JSON API at `url`. Every method raises RequestFailed."""

    def __init__(
        self,
        url: str,
        *,
        timeout: timedelta,
        token: Secret | None = None,
        ca_file: Path | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_JSON_BYTES,
    ) -> None:
        self.url = url
        headers = {"Accept": "application/json", **(headers or {})}
        self._http = HttpClient(timeout=timeout, token=token, ca_file=ca_file, headers=headers, max_bytes=max_bytes)

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Return the parsed response."""
        return self._parsed("GET", path, params=parameters)

    def post(self, path: str, form: Mapping[str, str]) -> Any:
        """Post a form, for parameters too long for a URL, and return the parsed response."""
        return self._parsed("POST", path, data=form)

    def validated(self, adapter: TypeAdapter[T], value: object) -> T:
        """Return a value of a response as the adapter's type."""
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise self.unexpected("unexpected response; something else answers there") from error

    def unexpected(self, what: str) -> RequestFailed:
        """Return the error for a response that this API does not send."""
        return unexpected(self.url, what)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _parsed(self, method: str, path: str, **options: Any) -> Any:
        url = f"{self.url}{path}"
        response = self._http.send(method, url, server=url, **options)
        if response.status != 200:
            raise response.error()
        if response.is_cut:
            raise RequestFailed(f"{url}: the response exceeds {len(response.body)} bytes; query less")
        payload = response.json()
        if payload is None:
            raise unexpected(url, "the response is not JSON")
        return payload


def _host(url: str) -> str:
    """Return the part of a URL that may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_SNIPPET]
