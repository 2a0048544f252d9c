"""The clocks of an open incident: what is due next, and by when. Pure; no timers run here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from service.domain.indicators import bounds_of
from service.domain.policy import Indicator, Milestone, Policy, Severity, Stage
from service.domain.updates import update_due_at

Update = Literal["update"]
UPDATE: Update = "update"
_NEVER = datetime.max.replace(tzinfo=UTC)
RUNNING = (Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE)
"""The indicators whose clocks run while an incident is open."""


@dataclass(frozen=True, slots=True)
class Due:
    """Something due at `at`: the end of an interval with a target, a stage of the postmortem, or an update."""

    what: Indicator | Stage | Update
    at: datetime

    def overdue(self, now: datetime) -> bool:
        """Return whether it is overdue at `now`."""
        return self.at < now


def due_next(
    milestones: Mapping[Milestone, datetime],
    owed: Mapping[Stage, datetime],
    severity: Severity,
    policy: Policy,
    last_update_at: datetime | None,
) -> tuple[Due, ...]:
    """Return what is still due for an open incident, the most urgent first.

    `last_update_at` is the time of the last update; None leaves the next one out.
    """
    dues = [*_targets(milestones, severity, policy), *(Due(stage, at) for stage, at in owed.items())]
    next_update_at = None if last_update_at is None else update_due_at(last_update_at, severity, policy)
    if next_update_at is not None:
        dues.append(Due(UPDATE, next_update_at))
    return tuple(sorted(dues, key=lambda due: due.at))


def urgency(severity: Severity, due: Sequence[Due], incident_id: int) -> tuple[Severity, datetime, int]:
    """Return the sort key of an open incident: the worst severity first, then the clock that runs out next.

    `due` is sorted; incidents without a clock come last, the newest first.
    """
    return severity, due[0].at if due else _NEVER, -incident_id


def _targets(milestones: Mapping[Milestone, datetime], severity: Severity, policy: Policy) -> Iterator[Due]:
    for indicator in RUNNING:
        begin, end = bounds_of(indicator, policy.resolve_from)
        target = policy.target(indicator, severity) or policy.target(indicator, None)
        if target is not None and begin in milestones and end not in milestones:
            yield Due(indicator, milestones[begin] + target.limit)
