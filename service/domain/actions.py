"""Corrective actions of an incident, tracked until they are verified."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.domain.events import Event, EventKind


class ActionState(StrEnum):
    """The state of an action; it is done only once verified to be effective (the standard, section 8)."""

    OPEN = "open"
    COMPLETED = "completed"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One row of the document's actions table (the standard, section 6). `due_at` is None without a due date.

    `completed_at` and `verified_at` are when it was first reported completed and verified, else None.
    """

    action_id: str
    title: str = ""
    action_type: str = ""
    owner: str = ""
    verification: str = ""
    due_at: datetime | None = None
    state: ActionState = ActionState.OPEN
    completed_at: datetime | None = None
    verified_at: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        """Return whether the action is past its due date at `now` and not completed."""
        return self.state is ActionState.OPEN and self.due_at is not None and self.due_at < now


def actions_of(events: Sequence[Event]) -> tuple[Action, ...]:
    """Fold the action events of an incident; `events` are the effective ones, in order of time.

    A later `action_opened` with the same id updates the action. A state never goes back, so a completion reported
    before the opening still counts.
    """
    actions: dict[str, Action] = {}
    for event in events:
        match event.kind:
            case EventKind.ACTION_OPENED:
                action = _opened(event, actions.get(event.data["action_id"]))
            case EventKind.ACTION_COMPLETED:
                action = _reached(event, actions, ActionState.COMPLETED)
            case EventKind.ACTION_VERIFIED:
                action = _reached(event, actions, ActionState.VERIFIED)
            case _:
                continue
        actions[action.action_id] = action
    return tuple(actions[key] for key in sorted(actions))


def _opened(event: Event, action: Action | None) -> Action:
    due_at = event.data.get("due_at")
    return Action(
        action_id=event.data["action_id"],
        title=event.data.get("title", ""),
        action_type=event.data.get("action_type", ""),
        owner=event.data.get("owner", ""),
        verification=event.data.get("verification", ""),
        due_at=datetime.fromisoformat(due_at) if due_at else None,
        state=action.state if action else ActionState.OPEN,
        completed_at=action.completed_at if action else None,
        verified_at=action.verified_at if action else None,
    )


def _reached(event: Event, actions: dict[str, Action], state: ActionState) -> Action:
    action_id = event.data["action_id"]
    action = actions.get(action_id) or Action(action_id=action_id)
    order = list(ActionState)
    furthest = max(action.state, state, key=order.index)
    if state is ActionState.VERIFIED:
        return replace(action, state=furthest, verified_at=action.verified_at or event.occurred_at)
    return replace(action, state=furthest, completed_at=action.completed_at or event.occurred_at)
