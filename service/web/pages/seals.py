"""Forms that nobody else can send: a seal over who reads the page, what the form is about, and what they saw.

Nothing is stored. Every replica with the same tokens file makes and accepts the same seals; without tokens only
loopback is served, by one process, and a seal lives as long as it.
"""

import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256

from service.settings.tokens import Token


class Seals:
    """Makes and checks the seals of one installation."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        digests = sorted(token.digest for token in tokens)
        secret = b"".join(digests) if digests else secrets.token_bytes(32)
        self._key = hmac.digest(secret, b"mttx-exporter: forms of pages", "sha256")

    def seal(self, token: Token | None, path: str, seen: str) -> str:
        """Return the seal of a form at `path`, made for whoever holds `token`, of a page in the state `seen`."""
        holder = token.digest if token else b""
        about = b"".join(sha256(part).digest() for part in (holder, path.encode(), seen.encode()))
        return hmac.new(self._key, about, sha256).hexdigest()

    def holds(self, sealed: str, token: Token | None, path: str, seen: str) -> bool:
        """Say in constant time whether a seal is ours."""
        return hmac.compare_digest(sealed.encode(), self.seal(token, path, seen).encode())
