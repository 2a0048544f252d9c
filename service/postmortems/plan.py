"""The sync of a document with the service: the events to send, and notices for people.

The id of an event is made of its content and its time, so that sending it again changes nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property, partial
from hashlib import sha256
from zoneinfo import ZoneInfo

from service.domain.actions import Action, ActionState
from service.domain.checks import Check, CheckState
from service.domain.events import EventKind
from service.domain.policy import Milestone
from service.postmortems.actions import ActionColumn, ActionRow, Progress, action_table
from service.postmortems.context import LintContext
from service.postmortems.document import Document, Status
from service.postmortems.lint import context_for, missing
from service.postmortems.placeholders import has_placeholder

LONGEST_ID = 60
MAX_REASONS = 5
_ORDER = list(ActionState)
Rows = Mapping[str, ActionRow]


@dataclass(frozen=True, slots=True)
class Version:
    """A committed version of the document; `at` None: it is not in git, and its events are dated now."""

    at: datetime | None
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemRecord:
    """The incident as recorded by the service."""

    event_ids: frozenset[str] = frozenset()
    milestones: Mapping[Milestone, datetime]
    actions: Mapping[str, Action]
    checks: Mapping[Check, CheckState]


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event to send; `occurred_at` None: now."""

    kind: EventKind
    event_id: str
    occurred_at: datetime | None
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The events to send, and the notices."""

    events: tuple[PlannedEvent, ...]
    notices: tuple[str, ...]


def plan(
    versions: Sequence[Version],
    recorded: PostmortemRecord,
    checks: Mapping[Check, CheckState],
    context: LintContext,
    now: datetime,
) -> SyncPlan:
    """Compare a document, given by its versions from the oldest to the current one, with its recorded incident.

    Dates without a time are days in the zone of the context and mean the end of the day, or the commit that added
    them, if that is earlier. A document that never was a draft, such as an untouched template, has no events.
    """
    planner = _Planner(versions, recorded, context, now)
    if not planner.is_drafted:
        return SyncPlan((), tuple(planner.notices()))
    events = [*planner.stages(), *planner.actions(), *planner.checks(checks)]
    return SyncPlan(tuple(r for r in events if r.event_id not in recorded.event_ids), tuple(planner.notices()))


class _Planner:
    def __init__(
        self, versions: Sequence[Version], recorded: PostmortemRecord, context: LintContext, now: datetime
    ) -> None:
        self._versions = versions
        self._recorded = recorded
        self._zone = context_for(versions[-1].document, context).zone
        self._disabled = context.disabled
        self._now = now
        self._document = versions[-1].document
        self._status = self._document.status
        self._rows = [rows_of(version.document) for version in versions]

    # -- stages ------------------------------------------------------------------------------------------------------

    @property
    def is_drafted(self) -> bool:
        """Whether the document is, or was, more than a skeleton."""
        return Milestone.DRAFTED in self._recorded.milestones or self._drafted_in is not None

    @cached_property
    def _drafted_in(self) -> Version | None:
        return next((v for v in self._versions if v.document.status and not self._missing(v.document)), None)

    def _missing(self, document: Document, *, final: bool = False) -> list[str]:
        return missing(document, self._disabled, final=final)

    def stages(self) -> Iterator[PlannedEvent]:
        """Yield the stages: the draft is dated by its first version, the final version by the last change to Final."""
        data = {"document": self._document.name}
        if self._status is not None and self._drafted_in:
            yield from self._reached(EventKind.POSTMORTEM_DRAFTED, Milestone.DRAFTED, self._drafted_in.at, data)
        if self._is_final(self._document):
            since = self._since(lambda document, _: self._is_final(document))
            yield from self._reached(EventKind.POSTMORTEM_FINALIZED, Milestone.FINALIZED, since, data)

    def _is_final(self, document: Document) -> bool:
        return document.is_final and not self._missing(document, final=True)

    def _reached(
        self, kind: EventKind, milestone: Milestone, at: datetime | None, data: Mapping[str, object]
    ) -> Iterator[PlannedEvent]:
        if at is not None or milestone not in self._recorded.milestones:
            yield PlannedEvent(kind, self._event_id(f"postmortem:{milestone}", at), at, data)

    # -- actions -----------------------------------------------------------------------------------------------------

    def actions(self) -> Iterator[PlannedEvent]:
        """Yield the events of the actions; a changed row is sent again."""
        for action_id, row in self._rows[-1].items():
            name = f"postmortem:action:{action_id}"
            action = self._recorded.actions.get(action_id)
            data = _action_data(row)
            since = self._since(partial(_has_data, action_id, data))
            if since is not None or action is None or not self._is_recorded(action, data):
                digest = _digest(data)
                yield PlannedEvent(
                    EventKind.ACTION_OPENED, self._event_id(f"{name}:opened:{digest}", since), since, data
                )
            yield from self._progress(name, action_id, row.progress or Progress(ActionState.OPEN), action)

    def _progress(self, name: str, action_id: str, progress: Progress, action: Action | None) -> Iterator[PlannedEvent]:
        steps = (
            (ActionState.COMPLETED, EventKind.ACTION_COMPLETED, progress.completed_on),
            (ActionState.VERIFIED, EventKind.ACTION_VERIFIED, progress.verified_on),
        )
        for state, kind, day in steps:
            if _ORDER.index(progress.state) < _ORDER.index(state):
                continue
            skipped = state is not progress.state and day is None and not self._was(action_id, state)
            since = self._since(partial(_reaches, action_id, state))
            if skipped or (since is None and action is not None and action.state in _ORDER[_ORDER.index(state) :]):
                continue
            at = min(_end_of(day, self._zone), since or self._now) if day else since
            label = f"{name}:{state}"
            yield PlannedEvent(
                kind, f"{label}:{day}" if day else self._event_id(label, since), at, {"action_id": action_id}
            )

    def _was(self, action_id: str, state: ActionState) -> bool:
        """Return whether some version had the action in exactly this state."""
        rows = (rows.get(action_id) for rows in self._rows)
        return any(row and row.progress and row.progress.state is state for row in rows)

    def _is_recorded(self, action: Action, data: Mapping[str, object]) -> bool:
        due = action.due_at.astimezone(self._zone).date().isoformat() if action.due_at else ""
        recorded = (action.title, action.action_type, action.owner, action.verification, due)
        return recorded == tuple(
            data.get(key, "") for key in ("title", "action_type", "owner", "verification", "due_at")
        )

    # -- checks ------------------------------------------------------------------------------------------------------

    def checks(self, checks: Mapping[Check, CheckState]) -> Iterator[PlannedEvent]:
        """Yield the checks whose state differs from the recorded one."""
        changed = {
            check.value: state.value for check, state in checks.items() if self._recorded.checks.get(check) != state
        }
        if changed:
            name = self._event_id(f"postmortem:checked:{_digest(changed)}", None)
            data = {"document": self._document.name, "checks": changed}
            yield PlannedEvent(EventKind.POSTMORTEM_CHECKED, name, None, data)

    # -- notices -----------------------------------------------------------------------------------------------------

    def notices(self) -> Iterator[str]:
        """Yield what people should look at, such as a status that went back: no event is retracted automatically."""
        was_final = Milestone.FINALIZED in self._recorded.milestones or any(v.document.is_final for v in self._versions)
        if self._status is None:
            yield f"the status is not one of {', '.join(Status)}: no stage is recorded"
        elif self._status is not Status.FINAL and was_final:
            yield f"the status went back from Final to {self._status}; retract the event if it never was final"
        reasons = self._missing(self._document, final=self._document.is_final)
        if self._status is not None and reasons:
            stage = self._status if self.is_drafted else Status.DRAFT
            yield f"does not count as {stage} yet: {'; '.join(_shortened(reasons))}"
        for action_id, action in self._recorded.actions.items():
            row = self._rows[-1].get(action_id)
            if row is None:
                yield f"{action_id} is recorded as {action.state} but no longer in the document"
            elif row.progress is None:
                yield f"the state of {action_id} cannot be read"
            elif _ORDER.index(row.progress.state) < _ORDER.index(action.state):
                change = f"{action_id} went back from {action.state} to {row.progress.state}"
                yield f"{change}; retract the event if it never was {action.state}"

    # -- times and ids -----------------------------------------------------------------------------------------------

    def _since(self, holds: Callable[[Document, Rows], bool]) -> datetime | None:
        """Return the time of the first version of the current unbroken run for which the condition holds."""
        since = None
        for version, rows in zip(reversed(self._versions), reversed(self._rows), strict=True):
            if not holds(version.document, rows):
                break
            since = version.at
        return since

    def _event_id(self, name: str, at: datetime | None) -> str:
        """Return an event id with its instant, else with the number of recorded events of its kind."""
        if at is not None:
            return f"{name}:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return f"{name}:{sum(1 for event_id in self._recorded.event_ids if event_id.startswith(name))}"


def _shortened(reasons: list[str]) -> list[str]:
    more = len(reasons) - MAX_REASONS
    return reasons if more <= 0 else [*reasons[:MAX_REASONS], f"and {more} more"]


def rows_of(document: Document) -> dict[str, ActionRow]:
    """Return the rows by action id, without those whose id or title is not filled in."""
    table = action_table(document)
    rows = (
        (
            row
            for row in table.rows
            if 0 < len(row.id) <= LONGEST_ID and not has_placeholder(row.text_of(ActionColumn.TITLE))
        )
        if table
        else ()
    )
    by_id: dict[str, ActionRow] = {}
    for row in rows:
        by_id.setdefault(row.id, row)
    return by_id


def _action_data(row: ActionRow) -> dict[str, object]:
    """Return the event data of an action, without placeholders."""
    keys = {
        "title": ActionColumn.TITLE,
        "action_type": ActionColumn.TYPE,
        "owner": ActionColumn.OWNER,
        "verification": ActionColumn.VERIFICATION,
    }
    cells = {key: row.text_of(column) for key, column in keys.items()}
    data: dict[str, object] = {key: text for key, text in cells.items() if text and not has_placeholder(text)}
    due = {"due_at": row.due.isoformat()} if row.due else {}
    return {"action_id": row.id, **data, **due}


def _has_data(action_id: str, data: Mapping[str, object], _: Document, rows: Rows) -> bool:
    row = rows.get(action_id)
    return row is not None and _action_data(row) == data


def _reaches(action_id: str, state: ActionState, _: Document, rows: Rows) -> bool:
    row = rows.get(action_id)
    return bool(row and row.progress and _ORDER.index(row.progress.state) >= _ORDER.index(state))


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)


def _digest(data: object) -> str:
    return sha256(json.dumps(data, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:12]
