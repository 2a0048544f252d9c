"""Reading the JSON API of another system: one request, bounded in time, whose failures are all alike to the asker."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from service.clients.credentials import Bearer

PIECE = 64 * 1024
LONGEST_ERROR = 300


class AskingFailed(Exception):
    """There was no usable answer; ask again later. The text carries no token; `status` is HTTP's, if any."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class JsonApi:
    """One server's API. Not for many threads at once. `most_bytes` bounds an answer, None: nothing does."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca_file: Path | None = None,
        timeout: timedelta,
        most_bytes: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self._most_bytes = most_bytes
        self._timeout = timeout.total_seconds()
        self._session = requests.Session()
        self._session.verify = str(ca_file) if ca_file else True
        self._session.headers["Accept"] = "application/json"
        self._session.headers.update(headers or {})
        self._session.auth = Bearer(token)

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Return what the server answers. Raises AskingFailed."""
        return self._read("GET", path, params=parameters)

    def post(self, path: str, form: Mapping[str, str]) -> Any:
        """Return what the server answers to a form, for what does not fit into an address. Raises AskingFailed."""
        return self._read("POST", path, data=form)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _read(self, method: str, path: str, **given: Any) -> Any:
        try:
            answer = self._session.request(
                method, f"{self.url}{path}", timeout=self._timeout, allow_redirects=False, stream=True, **given
            )
            with answer:
                body = self._body(answer, path)
        except (requests.RequestException, OSError) as error:
            raise AskingFailed(f"{self.url}{path}: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise AskingFailed(
                f"{self.url}{path}: answered {answer.status_code}{_said(body, answer)}", answer.status_code
            )
        try:
            return json.loads(body)
        except ValueError as error:
            raise AskingFailed(f"{self.url}{path}: answered something else than JSON") from error

    def _body(self, answer: requests.Response, path: str) -> bytes:
        body = bytearray()
        for piece in answer.iter_content(PIECE):
            body += piece
            if self._most_bytes is not None and len(body) > self._most_bytes:
                raise AskingFailed(f"{self.url}{path}: answered more than {self._most_bytes} bytes; ask for less")
        return bytes(body)


def _said(body: bytes, answer: requests.Response) -> str:
    """Return what Prometheus and its kin say of an error, shortened; nothing where somebody else answers."""
    try:
        told = json.loads(body)
    except ValueError:
        plain = answer.headers.get("Content-Type", "").startswith("text/plain")  # as Loki and Tempo do
        return _shortened(body.decode(errors="replace")) if plain else ""
    if not isinstance(told, dict):
        return ""
    errors = told.get("errors")  # Jaeger's
    first = errors[0] if isinstance(errors, list) and errors else None
    return _shortened(first.get("msg") if isinstance(first, dict) else told.get("error"))


def _shortened(error: object) -> str:
    text = " ".join(error.split()) if isinstance(error, str) else ""
    return f" ({text[:LONGEST_ERROR]})" if text else ""
