"""What is wrong with a configuration, said so that it can be put right: the key, the value, what would be right."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. `value` is what was given, as text, None where there is none or it is a secret."""

    key: str
    advice: str
    value: str | None = None

    def __str__(self) -> str:
        """Write it in one line."""
        given = f" is {self.value}" if self.value is not None else ""
        return f"{self.key}{given}: {self.advice}"


class SettingsError(Exception):
    """The configuration cannot be used; lists every problem that was found.

    `rest` is the configuration without the keys that are wrong, so that more can be checked; None where there is none.
    """

    def __init__(self, problems: list[Problem], rest: object = None) -> None:
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__("\n".join(str(problem) for problem in self.problems))


_PASSWORD = re.compile(r"(?<=//)([^/@:\s]*):[^\s'\"]*@")  # up to the last @: a password may have one
LONGEST_SHOWN = 80


def shown(value: object) -> str:
    """Write a value that was given, shortened, and without the password of a URL."""
    text = _PASSWORD.sub(r"\1:********@", repr(value))
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
