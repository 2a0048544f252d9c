"""Findings of the linter: a rule, the location where it is broken, and what to change."""

from dataclasses import dataclass
from enum import StrEnum

from service.postmortems.document import Text


class FindingLevel(StrEnum):
    """Whether a finding fails the check, or only with `--strict`."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; its id never changes and is never reused. `docs/lint/<id>.md` explains it.

    `advice`: the rule depends on wording and is often wrong; it fails no check, not even with `--strict`.
    """

    id: str
    level: FindingLevel
    title: str
    advice: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One location where a rule is broken; `end_column` is the column after it. Ordered by location."""

    line: int
    column: int
    end_column: int
    rule_id: str
    level: FindingLevel
    message: str


def at(rule: Rule, location: Text, message: str) -> Finding:
    """Return the finding of a rule at a location."""
    return Finding(location.line, location.column, location.end_column, rule.id, rule.level, message)
