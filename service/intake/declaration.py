"""What a declaration says: which bodies of a source report what, and which of its keys selects what.

It is data, written in YAML (docs/sources/declared.md describes it for operators), with the expressions of
`service.intake.expressions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

from service.domain.policy import Severity
from service.intake.expressions import Expression
from service.intake.reasons import Failure
from service.intake.sources import SenderProfile
from service.intake.wire import PayloadError


class DeclaredField(StrEnum):
    """The keys of a declaration whose values are read from bodies: label values of the metric of unreadable ones."""

    EVENT = "event"
    KEY = "key"
    AT = "at"
    TITLE = "title"
    SEVERITY = "severity"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """Which bodies report an event of one kind, and when it happened.

    It applies if `values` has the body's word for what happened, in any case (None: any), and `when` holds. With
    neither, it applies only if `at` is there. `since` is the start of an alert that ends, if its end says it.
    `automated` holds if a machine did it. `text` is that of a note; a note without one says what title and severity are
    from then on, and is no news.
    """

    kind: str
    at: Expression
    values: tuple[str, ...] | None = None
    when: Expression | None = None
    since: Expression | None = None
    automated: Expression | None = None
    text: Expression | None = None

    @property
    def is_optional(self) -> bool:
        """Whether it applies only to bodies that have its time."""
        return self.values is None and self.when is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDeclaration:
    """How the bodies of one source are read.

    `event` selects the body's word for what happened; without one the body is unreadable. Bodies for which `when` does
    not hold, and words that no rule has, are of no interest. All other expressions are about the part of the body that
    `subject` selects (None: the body). `severities` has its words in lower case, before those of
    every source. `alias` is a name of the incident that other sources use. `zone` is that of times without one.
    """

    source: str
    summary: str
    profile: SenderProfile
    event: Expression
    key: Expression
    rules: tuple[EventRule, ...]
    when: Expression | None = None
    subject: Expression | None = None
    title: Expression | None = None
    severity: Expression | None = None
    severities: Mapping[str, Severity] = field(default_factory=dict)
    labels: Mapping[str, Expression] = field(default_factory=dict)
    alias: Expression | None = None
    zone: ZoneInfo | None = None


class UnreadableField(PayloadError):
    """A field without which nothing can be recorded is missing or cannot be read."""

    def __init__(self, name: DeclaredField, selector: Expression, detail: str, reason: Failure) -> None:
        super().__init__(reason, f"`{name}` ({selector.text}) {detail}")
        self.field = name
