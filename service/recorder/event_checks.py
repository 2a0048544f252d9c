"""What an incident must have before an event is recorded that corrects or retracts something, or has no time."""

from service.domain.events import Event, EventKind
from service.domain.incident_ids import public_id
from service.domain.policy import Milestone
from service.domain.recovery import ResolutionSource
from service.recorder.batch import Batch
from service.recorder.commands import Conflict
from service.recorder.incidents import fold
from service.recorder.lookup import count_corrections, event_ids, event_named
from service.store.loaded import IncidentState

MAX_CORRECTIONS = 1000
"""How many events of an incident may correct or retract others; each computation of the incident weighs all of them."""
MAX_LISTED = 20
"""How many event ids an error message lists."""
_KIND_OF = {
    Milestone.RESOLVED: EventKind.RESOLVED,
    Milestone.DRAFTED: EventKind.POSTMORTEM_DRAFTED,
    Milestone.FINALIZED: EventKind.POSTMORTEM_FINALIZED,
}
"""The milestones that a correction cannot set unless they were reported, with the event that reports each."""


def check_correction(batch: Batch, state: IncidentState, event: Event) -> None:
    """Raise `Conflict` if the incident has no room for a correction, or not reached the milestone that it corrects."""
    if count_corrections(batch, state) >= MAX_CORRECTIONS:
        msg = f"the incident has {MAX_CORRECTIONS} corrections and retractions, which is the maximum"
        raise Conflict(msg)
    if "event_id" in event.data:
        return
    milestone = Milestone(event.data["milestone"])
    kind = _KIND_OF.get(milestone)
    if kind is not None and not _has_reached(batch, state, milestone):
        msg = f"{milestone.value!r} of {public_id(state.id)} has not been reported yet; send a `{kind.value}` event"
        raise Conflict(msg)


def _has_reached(batch: Batch, state: IncidentState, milestone: Milestone) -> bool:
    if not state.episodes and not batch.events_of(state):
        return False  # its key may have just been opened by the current event
    incident = fold(batch, state)
    is_assumed = milestone is Milestone.RESOLVED and incident.resolution_source is ResolutionSource.STALE
    return milestone in incident.milestones and not is_assumed


def subject_of(batch: Batch, state: IncidentState, event: Event) -> IncidentState:
    """Return the incident with the corrected or retracted event, which must exist."""
    about = event.data["event_id"]
    if named := event_named(batch, state, about):
        holder, other = named
        if event.kind is EventKind.RETRACTED and other.kind is EventKind.MERGED:
            msg = (
                f"{about!r} is a merge, and a merge cannot be undone; correct the events of the merged incident instead"
            )
            raise Conflict(msg)
        return holder
    ids = event_ids(batch, state)
    more = ", …" if len(ids) > MAX_LISTED else ""
    hint = f"; milestones are {', '.join(Milestone)}" if event.kind is EventKind.CORRECTED else ""
    listed = ", ".join(ids[:MAX_LISTED]) or "none"
    msg = f"{public_id(state.id)} has no event {about!r}; its events are: {listed}{more}{hint}"
    raise Conflict(msg)


def check_known_end(batch: Batch, state: IncidentState) -> None:
    """Raise `Conflict` if the incident ended at an unknown time, which then has to be reported."""
    if not batch.has_unknown_end(state):
        return  # known or not over yet; a fold for each of many events would take quadratic time
    incident = fold(batch, state)
    if incident.over_at is not None and Milestone.RESOLVED not in incident.milestones:
        msg = (
            f"the end of {public_id(state.id)} is unknown, because no sender reported when its alerts cleared; "
            "set it with `occurred_at`"
        )
        raise Conflict(msg)
