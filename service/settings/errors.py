"""What is wrong with a configuration and how to fix it: the key, its value, and what it should be."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to fix. `value` is the configured value as text; None if there is no value or it is a secret."""

    key: str
    advice: str
    value: str | None = None

    def __str__(self) -> str:
        """Format it as one line."""
        value = f" is {self.value}" if self.value is not None else ""
        return f"{self.key}{value}: {self.advice}"


class SettingsError(Exception):
    """The configuration is invalid; lists every problem.

    `rest` is the configuration without the invalid keys, so that the remainder can be checked; None if there is none.
    """

    def __init__(self, problems: list[Problem], rest: object = None) -> None:
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__("\n".join(str(problem) for problem in self.problems))


LONGEST_SHOWN = 80


def shown(value: object) -> str:
    """Format a value, shortened and without the password of a URL."""
    text = without_password(repr(value))
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def without_password(text: str) -> str:
    """Return a URL, or a text with one, with asterisks instead of its password."""
    hidden = re.sub(r"(//[^/?#:]*):.*@", r"\1:***@", text)  # up to the last @: a password may contain one
    return re.sub(r"(?i)([?&][a-z]*password=)[^&]*", r"\1***", hidden)
