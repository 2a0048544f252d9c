"""How a request shows its token. An `auth` of its own keeps requests from taking what ~/.netrc has for the host."""

from requests import PreparedRequest
from requests.auth import AuthBase


class Bearer(AuthBase):
    """Sends a token; without one it leaves the request's own headers as they are."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request
