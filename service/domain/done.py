"""The definition of done of an incident's postmortem at a given time."""

from collections.abc import Mapping
from datetime import datetime

from service.domain.checks import Check, CheckState
from service.domain.incident import Incident
from service.domain.policy import Milestone


def definition_of_done(incident: Incident, now: datetime) -> Mapping[Check, CheckState]:
    """Return the state of every check at `now`; the checks of a document that was not synced yet are pending.

    A dismissed incident requires nothing; a document that is not owed has only the checks that were reported.
    """
    if incident.dismissed_at is not None:
        return dict.fromkeys(Check, CheckState.NOT_NEEDED)
    unreported = CheckState.PENDING if _has_document(incident) else CheckState.NOT_NEEDED
    reported = {check: incident.checks.get(check, unreported) for check in Check}
    return {**reported, Check.DEADLINE: _deadline(incident, now)}


def _has_document(incident: Incident) -> bool:
    return incident.owes_document or Milestone.DRAFTED in incident.milestones


def _deadline(incident: Incident, now: datetime) -> CheckState:
    if not incident.deadlines:
        return CheckState.NOT_NEEDED
    if any(d.late or d.overdue(now) for d in incident.deadlines):
        return CheckState.FAILED
    done = all(d.done_at is not None for d in incident.deadlines)
    return CheckState.PASSED if done else CheckState.PENDING


def failed_checks(incident: Incident) -> list[Check]:
    """Return the checks that failed for good: reported failures and late stages, not what may still fail."""
    reported = [check for check, state in incident.checks.items() if state is CheckState.FAILED]
    return [Check.DEADLINE, *reported] if any(d.late for d in incident.deadlines) else reported
