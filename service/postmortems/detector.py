"""Detectors of secrets and personal data, and how they tell a value from a placeholder or a word of prose."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class SensitiveKind(StrEnum):
    """Why a text is sensitive."""

    SECRET = "secret"  # noqa: S105 - the word, not a secret
    PERSONAL = "personal data"


def _anything(_: re.Match[str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Detector:
    """A pattern whose last group is the sensitive value.

    A match starts at one of the `anchors`, or up to `back` characters before, and ends within `reach` after it;
    `folded`: the anchors are in lower case and match in any case.
    """

    kind: SensitiveKind
    name: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool] = _anything
    folded: bool = True
    back: int = 0
    reach: int = 500


# Placeholders and masks in place of a secret; they reveal nothing.
_HARMLESS = re.compile(
    r"[*xX•●.\-_]+|<.*>?|\$[A-Z_][A-Z0-9_]*|\$[{(].*|\$\w+\$?(?:/.*)?|\{.*|%.*|\[.*|\*{2,}.*|.*\*{3,}|(?i:true|false|null|none|nil"
    r"|redacted|masked|hidden|changeme|example|secret|password|token|your[-_].*|test|dummy|placeholder|xxx+.*|伏字.*|マスク.*"
    r"|省略.*)"
)
_SHELL_NAME = re.compile(r"\$[a-z]+[0-9!@#%^&*]")
WORDS = frozenset(
    {"required", "missing", "invalid", "incorrect", "wrong", "rotated", "expired", "unset", "empty", "string", "text"}
    | {"changed", "reset", "failed", "optional", "yes", "bytes", "object", "undefined", "unknown", "file", "prompt"}
    | {"denied", "granted", "enabled", "disabled", "authentication", "auth", "tokens", "allowed", "refused"}
)


def is_real(value: str) -> bool:
    """Return whether a value is more than a placeholder."""
    return _HARMLESS.fullmatch(value) is None or _SHELL_NAME.match(value) is not None


def looks_secret(value: str) -> bool:
    """Tell `password: hunter22` from `password: rotated`: words of prose have no digits and no capitals inside."""
    return is_real(value) and any(char.isdigit() or char in "!@#$%^&*+=?" or char.isupper() for char in value[1:])


def looks_random(value: str) -> bool:
    """Return whether a value has letters and digits."""
    return is_real(value) and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def value_of(match: re.Match[str]) -> str:
    """Return the sensitive value of a detector's match."""
    return match[match.lastindex or 0]


def holds_real(match: re.Match[str]) -> bool:
    """Check the value by `is_real`."""
    return is_real(value_of(match))


def holds_secret(match: re.Match[str]) -> bool:
    """Check the value by `looks_secret`."""
    return looks_secret(value_of(match))


def holds_random(match: re.Match[str]) -> bool:
    """Check the value by `looks_random`."""
    return looks_random(value_of(match))
