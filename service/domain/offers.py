"""Which reports of people make sense in the current state of an incident: what forms and buttons offer."""

from collections.abc import Mapping

from service.domain.events import EventKind
from service.domain.incident import OPEN_PHASES, Incident, Phase
from service.domain.policy import Milestone

_NOT_DISMISSED = (*OPEN_PHASES, Phase.RESOLVED)
_PHASES: Mapping[EventKind, tuple[Phase, ...]] = {
    EventKind.ACKNOWLEDGED: (Phase.DETECTED,),
    EventKind.MITIGATED: (Phase.DETECTED, Phase.ACKNOWLEDGED),
    EventKind.RESOLVED: OPEN_PHASES,
    EventKind.DISMISSED: _NOT_DISMISSED,
    EventKind.REOPENED: (Phase.RESOLVED, Phase.DISMISSED),
    EventKind.REVIEWED: (Phase.RESOLVED,),
    EventKind.SEVERITY_CHANGED: _NOT_DISMISSED,
    EventKind.DESCRIBED: _NOT_DISMISSED,
    EventKind.ROLE_ASSIGNED: _NOT_DISMISSED,
    EventKind.MERGED: _NOT_DISMISSED,
    EventKind.CORRECTED: _NOT_DISMISSED,
}
_UNTIL = {EventKind.REVIEWED: Milestone.FINALIZED}
"""The milestone after which a report is not offered any more."""


def is_offered(kind: EventKind, incident: Incident) -> bool:
    """Return whether people may report an event of this kind about an incident as it is now."""
    return incident.phase in _PHASES.get(kind, tuple(Phase)) and _UNTIL.get(kind) not in incident.milestones
