"""Sending JSON to another system: one request, bounded in time and size, and what its status means to a delivery."""

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
LONGEST_SAID = 200
_GONE_FOR_NOW = (502, 503, 504)
Secret = Callable[[], str | None]
"""Gives a secret as it is now, None where there is none; raises OSError where its file cannot be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `said` is the beginning of the body as one line."""

    status: int
    body: bytes
    retry_after: timedelta | None

    @property
    def said(self) -> str:
        """The beginning of the body as one line."""
        return " ".join(self.body.decode(errors="replace").split())[:LONGEST_SAID]


class Posting:
    """Sends to one system. Not for many threads at once. Redirects are not followed: a secret goes to one address only.

    Texts of errors name the host, never the path, which may be a secret itself.
    """

    def __init__(self, *, timeout: timedelta, ca_file: Path | None = None, tls_verify: bool = True) -> None:
        self._timeout = timeout.total_seconds()
        self._session = requests.Session()
        self._session.verify = str(ca_file) if ca_file else tls_verify
        self._session.auth = Bearer()
        self._session.headers["User-Agent"] = f"mttx-exporter/{__version__}"

    def send(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """Post JSON and return the answer. Raises `DeliveryError` where there is none."""
        return self._ask("POST", url, headers, json=body)

    def get(self, url: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Ask for something and return the answer. Raises `DeliveryError` where there is none."""
        return self._ask("GET", url, headers, params=parameters)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _ask(self, method: str, url: str, headers: Mapping[str, str], **given: Any) -> Answer:
        try:
            with self._session.request(
                method, url, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True, **given
            ) as answer:
                body = next(answer.iter_content(MOST_BYTES), b"")
                return Answer(answer.status_code, body, _retry_after(answer.headers.get("Retry-After", "")))
        except requests.Timeout as error:
            raise DeliveryError(Reason.TIMEOUT, f"{host(url)} did not answer in time", everything=True) from error
        except (requests.RequestException, OSError, ValueError) as error:
            msg = f"{host(url)} cannot be reached: {type(error).__name__}"
            raise DeliveryError(Reason.UNREACHABLE, msg, everything=True) from error


def host(url: str) -> str:
    """Return what may be shown of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")


def secret_of(secret: Secret, what: str) -> str:
    """Return a secret. Raises `DeliveryError` where there is none."""
    try:
        found = secret()
    except (OSError, ValueError) as error:
        msg = f"cannot read {what}: {getattr(error, 'strerror', None) or type(error).__name__}"
        raise DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True) from error
    if not found:
        raise DeliveryError(Reason.UNAUTHORIZED, f"{what} is empty", permanent=True, everything=True)
    return found


def failure(url: str, answer: Answer, *, refused: bool) -> DeliveryError:
    """Say what a status that is no success means. `refused`: a 4xx is about this message, not about all of them."""
    where, said = host(url), f" ({answer.said})" if answer.said else ""
    status = answer.status
    match status:
        case 401:
            return DeliveryError(
                Reason.UNAUTHORIZED, f"{where} does not let us in{said}", permanent=True, everything=True
            )
        case 403:
            return DeliveryError(Reason.FORBIDDEN, f"{where} does not allow it{said}", permanent=True, everything=True)
        case 429:
            msg = f"{where} is sent too much"
            return DeliveryError(Reason.THROTTLED, msg, everything=True, retry_after=answer.retry_after)
        case 408 | 425:
            return DeliveryError(Reason.UNAVAILABLE, f"{where} asks us to come again ({status})", everything=True)
        case _ if status >= 500:
            everything = status in _GONE_FOR_NOW
            msg = f"{where} failed with {status}{said}"
            reason = Reason.UNAVAILABLE if everything else Reason.SERVER_ERROR
            return DeliveryError(reason, msg, everything=everything, retry_after=answer.retry_after)
        case _ if 400 <= status < 500 and refused:
            return DeliveryError(Reason.REJECTED, f"{where} refused the message ({status}){said}", permanent=True)
        case _ if 400 <= status < 500:
            msg = f"{where} takes nothing at this address ({status}){said}"
            return DeliveryError(Reason.FORBIDDEN, msg, permanent=True, everything=True)
        case _:
            msg = f"{where} answered {status}; redirects are not followed: give the address that answers itself"
            return DeliveryError(Reason.UNEXPECTED, msg, permanent=True, everything=True)


def _retry_after(written: str) -> timedelta | None:
    whole = written.isascii() and written.isdigit() and len(written) < 10
    return min(timedelta(seconds=int(written)), LONGEST_RETRY_AFTER) if whole else None
