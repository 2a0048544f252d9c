"""Bearer authentication. With an explicit `auth`, requests ignores credentials for the host in ~/.netrc."""

from requests import PreparedRequest
from requests.auth import AuthBase


class Bearer(AuthBase):
    """Sends a token; without one it leaves the request's own headers alone."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request
