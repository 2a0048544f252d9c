"""Posts JSON to another system: one request, bounded in time and size, and what its status means for a delivery."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from service import __version__
from service.clients.credentials import Bearer
from service.clients.delivery import DeliveryError, Reason

MOST_BYTES = 1024 * 1024
LONGEST_RETRY_AFTER = timedelta(hours=1)
LONGEST_SNIPPET = 200
_TEMPORARY = (502, 503, 504)
Secret = Callable[[], str | None]
"""Returns the current secret, None if there is none; raises OSError if its file cannot be read."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response; its body is truncated to `MOST_BYTES`."""

    status: int
    body: bytes
    retry_after: timedelta | None

    @property
    def snippet(self) -> str:
        """The beginning of the body as one line."""
        return " ".join(self.body.decode(errors="replace").split())[:LONGEST_SNIPPET]


class JsonSender:
    """Sends to one system. Not thread-safe. Redirects are not followed, so that a secret goes to one address only.

    Error messages name the host, never the path, which may itself be a secret.
    """

    def __init__(self, *, timeout: timedelta, ca_file: Path | None = None, tls_verify: bool = True) -> None:
        self._timeout = timeout.total_seconds()
        self._session = requests.Session()
        self._session.verify = str(ca_file) if ca_file else tls_verify
        self._session.auth = Bearer()
        self._session.headers["User-Agent"] = f"mttx-exporter/{__version__}"

    def send(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> HttpResponse:
        """Post JSON and return the response. Raises `DeliveryError` if there is none."""
        return self._request("POST", url, headers, json=body)

    def get(self, url: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> HttpResponse:
        """Send a GET and return the response. Raises `DeliveryError` if there is none."""
        return self._request("GET", url, headers, params=parameters)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _request(self, method: str, url: str, headers: Mapping[str, str], **options: Any) -> HttpResponse:
        try:
            with self._session.request(
                method, url, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True, **options
            ) as response:
                body = next(response.iter_content(MOST_BYTES), b"")
                return HttpResponse(response.status_code, body, _retry_after(response.headers.get("Retry-After", "")))
        except requests.Timeout as error:
            raise DeliveryError(Reason.TIMEOUT, f"timed out waiting for {host(url)}", everything=True) from error
        except (requests.RequestException, OSError, ValueError) as error:
            msg = f"cannot reach {host(url)}: {type(error).__name__}"
            raise DeliveryError(Reason.UNREACHABLE, msg, everything=True) from error


def host(url: str) -> str:
    """Return the part of a URL that may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")


def secret_of(secret: Secret, what: str) -> str:
    """Return a secret. Raises `DeliveryError` if there is none."""
    try:
        value = secret()
    except (OSError, ValueError) as error:
        msg = f"cannot read {what}: {getattr(error, 'strerror', None) or type(error).__name__}"
        raise DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True) from error
    if not value:
        raise DeliveryError(Reason.UNAUTHORIZED, f"{what} is empty", permanent=True, everything=True)
    return value


def error_for(url: str, response: HttpResponse, *, refused: bool) -> DeliveryError:
    """Return the error for an unsuccessful status. `refused`: a 4xx is about this message, not about all of them."""
    server, snippet = host(url), f" ({response.snippet})" if response.snippet else ""
    status = response.status
    match status:
        case 401:
            msg = f"{server}: authentication failed{snippet}"
            return DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True)
        case 403:
            msg = f"{server}: permission denied{snippet}"
            return DeliveryError(Reason.FORBIDDEN, msg, permanent=True, everything=True)
        case 429:
            msg = f"{server}: rate limit exceeded"
            return DeliveryError(Reason.THROTTLED, msg, everything=True, retry_after=response.retry_after)
        case 408 | 425:
            return DeliveryError(Reason.UNAVAILABLE, f"{server} asks to retry later ({status})", everything=True)
        case _ if status >= 500:
            everything = status in _TEMPORARY
            msg = f"{server} failed with {status}{snippet}"
            reason = Reason.UNAVAILABLE if everything else Reason.SERVER_ERROR
            return DeliveryError(reason, msg, everything=everything, retry_after=response.retry_after)
        case _ if 400 <= status < 500 and refused:
            return DeliveryError(Reason.REJECTED, f"{server} rejected the message ({status}){snippet}", permanent=True)
        case _ if 400 <= status < 500:
            msg = f"{server} accepts no messages at this address ({status}){snippet}"
            return DeliveryError(Reason.FORBIDDEN, msg, permanent=True, everything=True)
        case _:
            msg = f"{server} answered {status}; redirects are not followed: configure the final address"
            return DeliveryError(Reason.UNEXPECTED, msg, permanent=True, everything=True)


def _retry_after(header: str) -> timedelta | None:
    whole = header.isascii() and header.isdigit() and len(header) < 10
    return min(timedelta(seconds=int(header)), LONGEST_RETRY_AFTER) if whole else None
