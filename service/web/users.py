"""Users of web.config.file: they may see pages and metrics, and pass the probes; the API and webhooks take tokens."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256

import bcrypt

from service.settings.tokens import Token, digest


class Users:
    """The users, by name. Results are remembered, since bcrypt is slow by design; passwords are not."""

    REMEMBERED = 256

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = {name: hashed.encode() for name, hashed in hashes.items()}
        # Compared with for an unknown user, so that the time does not tell who is known.
        self._nobody = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(10)) if hashes else b""
        self._results: OrderedDict[bytes, bool] = OrderedDict()

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._hashes)

    def find(self, name: str, password: str) -> Token | None:
        """Return what a user may do, as a token with the scope `read`; None for a wrong name or password."""
        is_right = self._matches(self._hashes.get(name, self._nobody), password.encode("utf-8", "surrogatepass"))
        if not is_right or name not in self._hashes:
            return None
        return Token(f"user {name}", frozenset({"read"}), digest(f"{name}:{password}"))

    def _matches(self, hashed: bytes, password: bytes) -> bool:
        key = sha256(hashed + password).digest()
        result = self._results.get(key)
        if result is None:
            try:
                result = bcrypt.checkpw(password, hashed)
            except ValueError:  # longer than the 72 bytes that bcrypt reads, or with a NUL
                result = False
            self._results[key] = result
            if len(self._results) > self.REMEMBERED:
                self._results.popitem(last=False)
        return result
