"""The context of a check: the team's time zone and deadlines, the time, and the change that the document is part of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from service.domain.policy import DueRule, Severity, Stage
from service.postmortems.topics import Topic

DOCUMENTS = ("Release-Notes.md", "Risk-Register.md", "Runbooks.md")
"""Files that must be updated together with a final postmortem (the standard, section 8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintContext:
    """The context. `changed`: the paths of all files in the change, None if unknown.

    `now` None: nothing is reported as late. `as_final`: a draft is checked as if it were final.
    `words`: the team's own words for the topics of timeline entries.
    """

    zone: ZoneInfo
    deadlines: Mapping[Severity, Mapping[Stage, DueRule]] = field(default_factory=dict)
    documents: tuple[str, ...] = DOCUMENTS
    disabled: frozenset[str] = frozenset()
    now: datetime | None = None
    changed: frozenset[str] | None = None
    as_final: bool = False
    words: Mapping[Topic, tuple[str, ...]] = field(default_factory=dict)
