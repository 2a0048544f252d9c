"""The definition of done of a postmortem (the standard, section 8): what is checked, and how each check stands."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from service.domain.events import Event, EventKind

EVIDENCE_COLLECTED = "evidence_collected"
"""The key of a note's data that tells which archive was collected."""
EVIDENCE_SOURCES = ("logs", "metrics", "traces", "audit", "configuration", "changes")
"""The sources that the standard requires (section 5)."""


class Check(StrEnum):
    """What has to hold. `deadline` is known here; the others are reported by whoever reads the document.

    Of `deadline` an import may say `not_needed`: no postmortem is owed, as of incidents from before there were any.
    """

    DEADLINE = "deadline"
    EVIDENCE = "evidence"
    ACTIONS = "actions"
    ISSUES = "issues"
    DOCUMENTS = "documents"
    ADR = "adr"


class CheckState(StrEnum):
    """How a check stands; `pending` while the document is a draft, `not_needed` where nothing is asked for."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"
    NOT_NEEDED = "not_needed"


def checks_of(events: Sequence[Event]) -> dict[Check, CheckState]:
    """Return what was last reported of each check; `events` are those that count, in order of time.

    An archive of evidence passes its check if it is complete (`is_evidence`), unless the document says that the check
    fails, or that none is needed.
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
    """Say whether an archive has what the standard asks for (section 5) as far as the team configured it.

    That is at least one of these sources, and none of them with a failure. The timeline alone is no evidence.
    """
    sources = collected.get("sources") if isinstance(collected, Mapping) else None
    states = [sources.get(name) for name in EVIDENCE_SOURCES] if isinstance(sources, Mapping) else []
    return "collected" in states and "failed" not in states
