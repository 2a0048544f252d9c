"""Reading the JSON API of another system: one request, bounded in time, whose failures are all alike to the asker."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests


class AskingFailed(Exception):
    """There was no usable answer; ask again later. The text carries no token."""


class JsonApi:
    """One server's API. Not for many threads at once."""

    def __init__(self, url: str, *, token: str | None = None, ca_file: Path | None = None, timeout: timedelta) -> None:
        self.url = url
        self._timeout = timeout.total_seconds()
        self._session = requests.Session()
        self._session.verify = str(ca_file) if ca_file else True
        self._session.headers["Accept"] = "application/json"
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

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
                method, f"{self.url}{path}", timeout=self._timeout, allow_redirects=False, **given
            )
        except (requests.RequestException, OSError) as error:
            raise AskingFailed(f"{self.url}{path}: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise AskingFailed(f"{self.url}{path}: answered {answer.status_code}")
        try:
            return answer.json()
        except ValueError as error:
            raise AskingFailed(f"{self.url}{path}: answered something else than JSON") from error
