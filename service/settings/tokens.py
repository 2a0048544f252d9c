"""The tokens for the API, read from a file; only their digests stay in memory. An empty token is never valid."""

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

from service.settings.errors import Problem, SettingsError
from service.settings.sources import read_text
from service.settings.values import SENDER, SENDER_ADVICE, SHORTEST
from service.settings.yaml_text import NotYaml, parse_yaml

Scope = Literal["ingest", "write", "read"]
_SCOPES = get_args(Scope)
_KEYS = ("name", "token", "scopes")
_OPTIONAL = ("sender",)
_SENDABLE = re.compile(r"[!-~]+")  # valid in a header, and safe to edit in a file
_SHAPE = "should be a list of entries such as {name: alertmanager, token: …, scopes: [ingest]}"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its name, its scopes, the SHA-256 of its text, and the sender that uses it."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes = field(repr=False)
    sender: str = ""

    def matches(self, presented: str) -> bool:
        """Return, in constant time, whether this is the token."""
        return hmac.compare_digest(self.digest, digest(presented))


def digest(token: str) -> bytes:
    """Return the digest that is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def find_token(tokens: Iterable[Token], presented: str) -> Token | None:
    """Return the token that matches, if any; takes the same time in every case."""
    matching = [token for token in tokens if token.matches(presented)]
    return matching[0] if matching else None


def load_tokens(path: Path) -> tuple[Token, ...]:
    """Read the tokens file. Raises SettingsError, which never quotes a token."""
    try:
        entries = parse_yaml(read_text(path, "; it should hold the tokens for the API"))
    except NotYaml as error:
        raise SettingsError([Problem(str(path), str(error))]) from error
    if not isinstance(entries, list) or not entries:
        empty = "is empty, so that every request would be refused. It " if not entries else ""
        raise SettingsError([Problem(str(path), f"{empty}{_SHAPE}")])
    problems = [
        Problem(f"{path}, entry {number}", advice)
        for number, entry in enumerate(entries, 1)
        for advice in _faults(entry)
    ]
    if problems:
        raise SettingsError(problems)
    tokens = tuple(Token(e["name"], frozenset(e["scopes"]), digest(e["token"]), e.get("sender", "")) for e in entries)
    problems = [Problem(f"{path}, entry {number}", advice) for number, advice in _repeated(tokens)]
    if problems:
        raise SettingsError(problems)
    return tokens


def _faults(entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield _SHAPE
        return
    for key in _KEYS:
        if key not in entry:
            yield f"has no {key}"
    if unknown := [str(key) for key in entry if key not in (*_KEYS, *_OPTIONAL)]:
        s = "s" if len(unknown) > 1 else ""
        yield f"has {len(unknown)} unknown key{s}; known are name, token, scopes and sender"
    if not isinstance(entry.get("name", ""), str) or not entry.get("name", "-").strip():
        yield "name should be a string that says who uses the token"
    yield from _token_faults(entry.get("token", "x" * SHORTEST))
    yield from _scope_faults(entry.get("scopes", _SCOPES))
    sender = entry.get("sender", "-")
    if not isinstance(sender, str) or not re.fullmatch(SENDER, sender):
        yield f"sender {SENDER_ADVICE}"


def _token_faults(token: Any) -> Iterator[str]:
    if not isinstance(token, str):
        yield "token should be a string; put it in quotes"
    elif len(token) < SHORTEST:
        yield f"token should be at least {SHORTEST} characters long; `openssl rand -hex 32` prints one"
    elif not _SENDABLE.fullmatch(token):
        yield "token should consist of ASCII characters without spaces: others cannot be sent in a header"


def _scope_faults(scopes: Any) -> Iterator[str]:
    if not isinstance(scopes, list | tuple) or not scopes or any(scope not in _SCOPES for scope in scopes):
        yield f"scopes should be a list of one or more of {', '.join(_SCOPES)}"


def _repeated(tokens: tuple[Token, ...]) -> Iterator[tuple[int, str]]:
    for number, token in enumerate(tokens, 1):
        before = tokens[: number - 1]
        if any(other.name == token.name for other in before):
            yield number, f"the name {token.name} is used twice"
        if any(other.digest == token.digest for other in before):
            yield number, "has the same token as an earlier entry"
