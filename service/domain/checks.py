"""The definition of done of a postmortem (the standard, section 8): its checks and their states."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from service.domain.events import Event, EventKind

EVIDENCE_COLLECTED = "evidence_collected"
"""The key of a note's data that names the collected archive."""
EVIDENCE_SOURCES = ("logs", "metrics", "traces", "audit", "configuration", "changes")
"""The sources that the standard requires (section 5)."""


class Check(StrEnum):
    """A check. `deadline` is computed here; the others are reported by the reader of the document.

    An import may set `deadline` to `not_needed`: no postmortem is owed, as for incidents older than the process.
    """

    DEADLINE = "deadline"
    EVIDENCE = "evidence"
    ACTIONS = "actions"
    ISSUES = "issues"
    DOCUMENTS = "documents"
    ADR = "adr"


class CheckState(StrEnum):
    """The state of a check; `pending` while the document is a draft, `not_needed` if nothing is required."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"
    NOT_NEEDED = "not_needed"


def checks_of(events: Sequence[Event]) -> dict[Check, CheckState]:
    """Return the last reported state of each check; `events` are the effective ones, in order of time.

    An archive of evidence passes its check if it is complete (`is_evidence`), unless the document reports the check as
    failed or not needed.
    """
    states: dict[str, str] = {}
    for event in events:
        if event.kind is EventKind.POSTMORTEM_CHECKED:
            states.update(event.data["checks"])
    if states.get(Check.EVIDENCE, CheckState.PENDING) == CheckState.PENDING and any(map(_is_of_evidence, events)):
        states[Check.EVIDENCE] = CheckState.PASSED
    return {check: CheckState(states[check]) for check in Check if check in states} if states else {}


def _is_of_evidence(event: Event) -> bool:
    return event.kind is EventKind.NOTE and is_evidence(event.data.get(EVIDENCE_COLLECTED))


def is_evidence(collected: object) -> bool:
    """Return whether an archive meets the standard (section 5) as far as the team configured it.

    It needs at least one of these sources and no failure in any of them. The timeline alone is not evidence.
    """
    sources = collected.get("sources") if isinstance(collected, Mapping) else None
    states = [sources.get(name) for name in EVIDENCE_SOURCES] if isinstance(sources, Mapping) else []
    return "collected" in states and "failed" not in states
