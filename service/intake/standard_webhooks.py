"""Signatures of Standard Webhooks (standardwebhooks.com), the symmetric ones: `v1`, HMAC-SHA-256 in Base64.

What is signed is the id, the time and the body. A request that is sent again within the window gives the same events,
which are recorded once; so ids are not remembered.
"""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.intake.signatures import REPLAY_WINDOW, BadSignature, Header, check_any, check_recent, required

PREFIX = "whsec_"
_NAMES = ("webhook-", "svix-")
"""The beginnings of the names of the headers: of the standard, and of Svix, from which it comes."""


def secret_key(secret: str) -> bytes:
    """Return the key in a secret as it is shown to people: Base64, after `whsec_`. Raises ValueError."""
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except (Error, ValueError):
        raise ValueError("should be a secret of Standard Webhooks: whsec_ and Base64") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardWebhooks:
    """Requests signed with any of `secrets`, no longer ago than `window`. The header may have several signatures."""

    secrets: tuple[bytes, ...] = field(repr=False)
    window: timedelta = REPLAY_WINDOW

    def check_present(self, header: Header) -> None:
        """Check that a request has a signature at all. Raises BadSignature."""
        _beginning(header)

    def check(self, body: bytes, header: Header, now: datetime) -> None:
        """Check the signatures of id, time and body. Raises BadSignature."""
        names = _beginning(header)
        identity, stamp = required(header, f"{names}id"), required(header, f"{names}timestamp")
        values = required(header, f"{names}signature").split()
        signatures = [value.removeprefix("v1,") for value in values if value.startswith("v1,")]
        signed = f"{identity}.{stamp}.".encode(errors="surrogatepass") + body
        digests = (hmac.new(secret, signed, "sha256").digest() for secret in self.secrets)
        check_any(signatures, (b64encode(digest).decode() for digest in digests), f"{names}signature")
        check_recent(stamp, f"{names}timestamp", self.window, now)


def _beginning(header: Header) -> str:
    """Return how the names of the headers begin."""
    for names in _NAMES:
        if header(f"{names}signature"):
            return names
    raise BadSignature("The header webhook-signature is missing: is the secret that is configured here this sender's?")
