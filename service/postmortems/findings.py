"""What the linter says: a rule, where it is broken, and what to change."""

from dataclasses import dataclass
from enum import StrEnum

from service.postmortems.document import Text


class FindingLevel(StrEnum):
    """Whether a finding fails the check, or only with `--strict`."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; its id never changes and is never used again. `docs/lint/<id>.md` explains it.

    A rule that is only `advice` goes by wording and is often wrong: it fails no check, not even a strict one.
    """

    id: str
    level: FindingLevel
    title: str
    advice: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place where a rule is broken; `end_column` is the column after it. Ordered by place."""

    line: int
    column: int
    end_column: int
    rule_id: str
    level: FindingLevel
    message: str


def at(rule: Rule, location: Text, message: str) -> Finding:
    """Return the finding that a rule is broken at a place."""
    return Finding(location.line, location.column, location.end_column, rule.id, rule.level, message)
