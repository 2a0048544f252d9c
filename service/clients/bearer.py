"""Secrets that authenticate requests, read whenever one is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.clients.errors import Reason, RequestFailed


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that may change while the service runs. `name` says what it is, `read` may raise OSError."""

    name: str
    read: Callable[[], str | None]

    def value(self) -> str:
        """Return the current secret. Raises RequestFailed if there is none."""
        try:
            value = self.read()
        except (OSError, ValueError) as error:
            msg = f"cannot read {self.name}: {getattr(error, 'strerror', None) or type(error).__name__}"
            raise RequestFailed(msg, Reason.UNAUTHORIZED, permanent=True, everything=True) from error
        if not value:
            raise RequestFailed(f"{self.name} is empty", Reason.UNAUTHORIZED, permanent=True, everything=True)
        return value


def bearer(token: Secret | None) -> Callable[[Any], Any]:
    """Return what adds a bearer token to requests; with any `auth`, requests ignores the host's login in ~/.netrc."""

    def add(request: Any) -> Any:
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token.value()}"
        return request

    return add
