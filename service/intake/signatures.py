"""Verification of webhook signatures, in constant time and over the raw body."""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

REPLAY_WINDOW = timedelta(minutes=5)
Header = Callable[[str], str | None]
"""Returns the value of a header, None if it is missing."""
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class BadSignature(Exception):
    """The signature is missing or invalid; the text says what to check and contains no secret."""


class Verifier(Protocol):
    """How the requests of one source are verified."""

    def check_present(self, header: Header) -> None:
        """Check that a request has a signature at all, before its body is read. Raises BadSignature."""

    def check(self, body: bytes, header: Header, now: datetime) -> None:
        """Check the signatures of the body, and of the time if it is signed. Raises BadSignature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """HMAC-SHA-256 in hex, with any of `secrets`, so that one can be rotated while both are in use.

    The header has one signature, or several separated by commas, of which those with `prefix` count. The time is signed
    too if it is in `timestamp_header`, or in the same header after `timestamp_prefix`: then `version`, the time,
    `separator` and the body are signed, and a body signed longer ago than `window` is rejected.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    header: str
    prefix: str = ""
    timestamp_header: str | None = None
    timestamp_prefix: str | None = None
    separator: str = ":"
    version: str = ""
    window: timedelta = REPLAY_WINDOW

    def check_present(self, header: Header) -> None:
        """Check that a request has a signature at all. Raises BadSignature."""
        required(header, self.header)

    def check(self, body: bytes, header: Header, now: datetime) -> None:
        """Check the signatures of the body, or of time and body if the time is signed. Raises BadSignature."""
        values = [value.strip() for value in required(header, self.header).split(",")]
        signatures = [value.removeprefix(self.prefix) for value in values if value.startswith(self.prefix)]
        stamp = self._stamp(values, header)
        signed = (
            body if stamp is None else (self.version + stamp + self.separator).encode(errors="surrogatepass") + body
        )
        expected = (hmac.new(secret, signed, "sha256").hexdigest() for secret in self.secrets)
        check_any(signatures, expected, self.header)
        if stamp is not None:
            check_recent(stamp, self.timestamp_header or self.header, self.window, now)

    def _stamp(self, values: Iterable[str], header: Header) -> str | None:
        if self.timestamp_header is not None:
            return required(header, self.timestamp_header).strip()
        prefix = self.timestamp_prefix
        if prefix is None:
            return None
        return next((value.removeprefix(prefix) for value in values if value.startswith(prefix)), "")


def required(header: Header, name: str) -> str:
    """Return the value of a header. Raises BadSignature."""
    value = header(name)
    if not value:
        raise BadSignature(f"The header {name} is missing: sign the requests with the secret that is configured here.")
    return value


def check_any(signatures: Iterable[str], expected: Iterable[str], name: str) -> None:
    """Check that one of the signatures in the header `name` is an expected one. Raises BadSignature."""
    rights = [right.encode() for right in expected]
    pairs = ((signature.encode(errors="surrogatepass"), right) for signature in signatures for right in rights)
    matches = [hmac.compare_digest(signature, right) for signature, right in pairs]
    if not any(matches):
        raise BadSignature(f"The signature in {name} is of another secret or another body.")


def check_recent(stamp: str, name: str, window: timedelta, now: datetime) -> None:
    """Check that a signed time, in Unix seconds in the header `name`, is within the window. Raises BadSignature."""
    if not _SECONDS.fullmatch(stamp) or abs(int(stamp) - now.timestamp()) > window.total_seconds():
        raise BadSignature(
            f"{name} is not within {window.total_seconds():.0f} s of our clock: "
            "an old request was sent again, or a clock is wrong."
        )
