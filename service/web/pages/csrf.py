"""CSRF protection of forms: a MAC over the reader's token, the form's path, and the state shown.

Nothing is stored. Every replica with the same tokens file creates and accepts the same values; without tokens only
loopback is served, by one process, and a value is valid for the life of that process.
"""

import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256

from service.settings.tokens import Token


class CsrfTokens:
    """Creates and verifies the CSRF tokens of one installation."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        digests = sorted(token.digest for token in tokens)
        secret = b"".join(digests) if digests else secrets.token_bytes(32)
        self._key = hmac.digest(secret, b"mttx-exporter: forms of pages", "sha256")

    def issue(self, token: Token | None, path: str, seen: str) -> str:
        """Return the CSRF token of a form at `path`, for the holder of `token`, of a page in the state `seen`."""
        holder = token.digest if token else b""
        about = b"".join(sha256(part).digest() for part in (holder, path.encode(), seen.encode()))
        return hmac.new(self._key, about, sha256).hexdigest()

    def is_valid(self, value: str, token: Token | None, path: str, seen: str) -> bool:
        """Verify a CSRF token in constant time."""
        return hmac.compare_digest(value.encode(), self.issue(token, path, seen).encode())
