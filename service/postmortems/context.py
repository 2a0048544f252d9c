"""What a check is made under: the team's zone and deadlines, today, and what else was changed with the document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from service.domain.policy import DueRule, Severity, Stage
from service.postmortems.topics import Topic

DOCUMENTS = ("Release-Notes.md", "Risk-Register.md", "Runbooks.md")
"""What has to be updated together with a final postmortem (the standard, section 8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintContext:
    """The terms. `changed` holds the paths of all files of the change, None where that is not known.

    `now` None: whether something is late is not judged. `as_final`: a draft is judged as if it were final.
    `words` are the team's own words for what an entry of the timeline is about.
    """

    zone: ZoneInfo
    deadlines: Mapping[Severity, Mapping[Stage, DueRule]] = field(default_factory=dict)
    documents: tuple[str, ...] = DOCUMENTS
    disabled: frozenset[str] = frozenset()
    now: datetime | None = None
    changed: frozenset[str] | None = None
    as_final: bool = False
    words: Mapping[Topic, tuple[str, ...]] = field(default_factory=dict)
