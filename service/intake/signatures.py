"""Verification of webhook signatures, in constant time and over the raw body."""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

REPLAY_WINDOW = timedelta(minutes=5)
Header = Callable[[str], str | None]
"""Returns the value of a header, None if it is missing."""
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How signatures are verified: with any of `secrets`, so that one can be rotated while both are in use.

    The header has one HMAC-SHA-256 in hex, or several separated by commas, of which those with `prefix` count.
    With a `timestamp_header` the time is signed too, and a body signed longer ago than `window` is rejected.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    header: str
    prefix: str = ""
    timestamp_header: str | None = None
    window: timedelta = REPLAY_WINDOW


class BadSignature(Exception):
    """The signature is missing or invalid; the text says what to check and contains no secret."""


def check_present(header: Header, signing: Signing) -> None:
    """Check that a request has a signature at all, before its body is read. Raises BadSignature."""
    _header(header, signing.header)


def check_signature(body: bytes, header: Header, signing: Signing, now: datetime) -> None:
    """Check the signatures of the body, or of time and body if the time is signed. Raises BadSignature."""
    values = [value.strip() for value in _header(header, signing.header).split(",")]
    signatures = [value.removeprefix(signing.prefix) for value in values if value.startswith(signing.prefix)]
    if signing.timestamp_header is None:
        _check(signatures, body, signing)
        return
    stamp = _header(header, signing.timestamp_header).strip()
    _check(signatures, stamp.encode(errors="surrogatepass") + b":" + body, signing)
    if not _SECONDS.fullmatch(stamp) or abs(int(stamp) - now.timestamp()) > signing.window.total_seconds():
        raise BadSignature(
            f"{signing.timestamp_header} is not within {signing.window.total_seconds():.0f} s of our clock: "
            "an old request was sent again, or a clock is wrong."
        )


def _header(header: Header, name: str) -> str:
    value = header(name)
    if not value:
        raise BadSignature(f"The header {name} is missing: sign the requests with the secret that is configured here.")
    return value


def _check(signatures: Iterable[str], signed: bytes, signing: Signing) -> None:
    expected = [hmac.new(secret, signed, "sha256").hexdigest() for secret in signing.secrets]
    pairs = (
        (signature.encode(errors="surrogatepass"), right.encode()) for signature in signatures for right in expected
    )
    matches = [hmac.compare_digest(signature, right) for signature, right in pairs]
    if not any(matches):
        raise BadSignature(f"The signature in {signing.header} is of another secret or another body.")
