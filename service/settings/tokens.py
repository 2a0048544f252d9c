"""The tokens for the API, read from a file; only their digests stay in memory. An empty token is never valid."""

import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.settings.errors import Problem, SettingsError
from service.settings.sources import read_text
from service.settings.values import SENDER_ADVICE, SHORTEST, SenderName
from service.settings.yaml_text import NotYaml, parse_yaml

Scope = Literal["ingest", "write", "read"]
_SENDABLE = re.compile(r"[!-~]+")  # valid in a header, and safe to edit in a file
_SHAPE = "should be a list of entries such as {name: alertmanager, token: …, scopes: [ingest]}"
_ADVICE = {
    "name": "should be a string that says who uses the token",
    "token": "should be a string; put it in quotes",
    "scopes": f"should be a list of one or more of {', '.join(get_args(Scope))}",
    "sender": SENDER_ADVICE,
}


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
    tokens: list[Token] = []
    problems: list[Problem] = []
    for number, entry in enumerate(entries, 1):
        try:
            read = _Entry.model_validate(entry)
        except ValidationError as error:
            problems += (Problem(f"{path}, entry {number}", advice) for advice in dict.fromkeys(_advice(error)))
        else:
            tokens.append(Token(read.name, frozenset(read.scopes), digest(read.token), read.sender))
    if not problems:
        problems += (Problem(f"{path}, entry {number}", advice) for number, advice in _repeated(tokens))
    if problems:
        raise SettingsError(problems)
    return tuple(tokens)


def _strong(token: str) -> str:
    if len(token) < SHORTEST:
        raise ValueError(f"should be at least {SHORTEST} characters long; `openssl rand -hex 32` prints one")
    if not _SENDABLE.fullmatch(token):
        raise ValueError("should consist of ASCII characters without spaces: others cannot be sent in a header")
    return token


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"\S")]
    token: Annotated[str, AfterValidator(_strong)]
    scopes: Annotated[list[Scope], Field(min_length=1)]
    sender: SenderName = ""


def _advice(error: ValidationError) -> Iterator[str]:
    """Yield what would be right. An unknown key is not quoted: it may be a token."""
    for details in error.errors():
        match details["type"], details["loc"]:
            case _, ():
                yield _SHAPE
            case "missing", (key,):
                yield f"has no {key}"
            case "extra_forbidden", _:
                yield f"has an unknown key; known are {', '.join(_ADVICE)}"
            case "value_error", (key,):
                yield f"{key} {details['ctx']['error']}"
            case _, (key, *_):
                yield f"{key} {_ADVICE[str(key)]}"


def _repeated(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    for number, token in enumerate(tokens, 1):
        before = tokens[: number - 1]
        if any(other.name == token.name for other in before):
            yield number, f"the name {token.name} is used twice"
        if any(other.digest == token.digest for other in before):
            yield number, "has the same token as an earlier entry"
