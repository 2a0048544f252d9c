"""What a document tells that the service does not know yet: the events to send, and what a person should look at.

Every event has an id made of what it says and since when the document says so: sending it again changes nothing.
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
MOST_LACKS = 5
_ORDER = list(ActionState)
Rows = Mapping[str, ActionRow]


@dataclass(frozen=True, slots=True)
class Version:
    """The document as it was committed; `at` None: it is in no history, and what it says is said now."""

    at: datetime | None
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedIncident:
    """What the service has of the incident."""

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
    """What to send, and what somebody should look at."""

    events: tuple[PlannedEvent, ...]
    notices: tuple[str, ...]


def plan(
    versions: Sequence[Version],
    known: RecordedIncident,
    checks: Mapping[Check, CheckState],
    context: LintContext,
    now: datetime,
) -> SyncPlan:
    """Compare a document, its versions from the oldest to the one that counts, with what is known of its incident.

    Bare dates are days in the zone of the terms; of such a day its end counts, or the commit that has it if that is
    earlier. A document that never was a draft, such as an untouched template, reports nothing.
    """
    telling = _Planner(versions, known, context, now)
    if not telling.is_drafted:
        return SyncPlan((), tuple(telling.notices()))
    events = [*telling.stages(), *telling.actions(), *telling.checks(checks)]
    return SyncPlan(tuple(r for r in events if r.event_id not in known.event_ids), tuple(telling.notices()))


class _Planner:
    def __init__(
        self, versions: Sequence[Version], known: RecordedIncident, context: LintContext, now: datetime
    ) -> None:
        self._versions = versions
        self._known = known
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
        return Milestone.DRAFTED in self._known.milestones or self._drafted_in is not None

    @cached_property
    def _drafted_in(self) -> Version | None:
        return next((v for v in self._versions if v.document.status and not self._lacks(v.document)), None)

    def _lacks(self, document: Document, *, final: bool = False) -> list[str]:
        return missing(document, self._disabled, final=final)

    def stages(self) -> Iterator[PlannedEvent]:
        """The first version that is a draft dates it; it is final since it was made so for the last time."""
        data = {"document": self._document.name}
        if self._status is not None and self._drafted_in:
            yield from self._reached(EventKind.POSTMORTEM_DRAFTED, Milestone.DRAFTED, self._drafted_in.at, data)
        if self._is_final(self._document):
            since = self._since(lambda document, _: self._is_final(document))
            yield from self._reached(EventKind.POSTMORTEM_FINALIZED, Milestone.FINALIZED, since, data)

    def _is_final(self, document: Document) -> bool:
        return document.is_final and not self._lacks(document, final=True)

    def _reached(
        self, kind: EventKind, milestone: Milestone, at: datetime | None, data: Mapping[str, object]
    ) -> Iterator[PlannedEvent]:
        if at is not None or milestone not in self._known.milestones:
            yield PlannedEvent(kind, self._named(f"postmortem:{milestone}", at), at, data)

    # -- actions -----------------------------------------------------------------------------------------------------

    def actions(self) -> Iterator[PlannedEvent]:
        """Each row is an action; it is told of again when it says something else."""
        for action_id, row in self._rows[-1].items():
            name = f"postmortem:action:{action_id}"
            known = self._known.actions.get(action_id)
            told = _told(row)
            since = self._since(partial(_tells, action_id, told))
            if since is not None or known is None or not self._says(known, told):
                digest = _digest(told)
                yield PlannedEvent(EventKind.ACTION_OPENED, self._named(f"{name}:opened:{digest}", since), since, told)
            yield from self._progress(name, action_id, row.progress or Progress(ActionState.OPEN), known)

    def _progress(self, name: str, action_id: str, progress: Progress, known: Action | None) -> Iterator[PlannedEvent]:
        steps = (
            (ActionState.COMPLETED, EventKind.ACTION_COMPLETED, progress.completed_on),
            (ActionState.VERIFIED, EventKind.ACTION_VERIFIED, progress.verified_on),
        )
        for state, kind, day in steps:
            if _ORDER.index(progress.state) < _ORDER.index(state):
                continue
            skipped = state is not progress.state and day is None and not self._was(action_id, state)
            since = self._since(partial(_reaches, action_id, state))
            if skipped or (since is None and known is not None and known.state in _ORDER[_ORDER.index(state) :]):
                continue
            at = min(_end_of(day, self._zone), since or self._now) if day else since
            label = f"{name}:{state}"
            yield PlannedEvent(
                kind, f"{label}:{day}" if day else self._named(label, since), at, {"action_id": action_id}
            )

    def _was(self, action_id: str, state: ActionState) -> bool:
        """Say whether some version had the action in exactly this state."""
        rows = (rows.get(action_id) for rows in self._rows)
        return any(row and row.progress and row.progress.state is state for row in rows)

    def _says(self, known: Action, told: Mapping[str, object]) -> bool:
        due = known.due_at.astimezone(self._zone).date().isoformat() if known.due_at else ""
        said = (known.title, known.action_type, known.owner, known.verification, due)
        return said == tuple(told.get(key, "") for key in ("title", "action_type", "owner", "verification", "due_at"))

    # -- checks ------------------------------------------------------------------------------------------------------

    def checks(self, checks: Mapping[Check, CheckState]) -> Iterator[PlannedEvent]:
        """Checks are told of where they stand otherwise than is known."""
        changed = {
            check.value: state.value for check, state in checks.items() if self._known.checks.get(check) != state
        }
        if changed:
            name = self._named(f"postmortem:checked:{_digest(changed)}", None)
            data = {"document": self._document.name, "checks": changed}
            yield PlannedEvent(EventKind.POSTMORTEM_CHECKED, name, None, data)

    # -- notices -----------------------------------------------------------------------------------------------------

    def notices(self) -> Iterator[str]:
        """What went back, or is gone, is for people to judge: nothing is withdrawn by itself."""
        was_final = Milestone.FINALIZED in self._known.milestones or any(v.document.is_final for v in self._versions)
        if self._status is None:
            yield f"the status is none of {', '.join(Status)}, so that no stage is reached"
        elif self._status is not Status.FINAL and was_final:
            yield f"the status went back from Final to {self._status}; retract the event if it was never final"
        lacks = self._lacks(self._document, final=self._document.is_final)
        if self._status is not None and lacks:
            stage = self._status if self.is_drafted else Status.DRAFT
            yield f"this does not count as {stage} yet: {'; '.join(_shortened(lacks))}"
        for action_id, action in self._known.actions.items():
            row = self._rows[-1].get(action_id)
            if row is None:
                yield f"{action_id} is recorded as {action.state} and not in the document any more"
            elif row.progress is None:
                yield f"the state of {action_id} cannot be read"
            elif _ORDER.index(row.progress.state) < _ORDER.index(action.state):
                yield f"{action_id} went back from {action.state} to {row.progress.state}; was it never so? Retract it"

    # -- since when, and what to call it -----------------------------------------------------------------------------

    def _since(self, holds: Callable[[Document, Rows], bool]) -> datetime | None:
        """Return when the version was made since which it holds without a break; it holds for the last one."""
        since = None
        for version, rows in zip(reversed(self._versions), reversed(self._rows), strict=True):
            if not holds(version.document, rows):
                break
            since = version.at
        return since

    def _named(self, name: str, at: datetime | None) -> str:
        """Name an event after its instant; without one after how many of its kind are known."""
        if at is not None:
            return f"{name}:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return f"{name}:{sum(1 for known in self._known.event_ids if known.startswith(name))}"


def _shortened(lacks: list[str]) -> list[str]:
    return lacks if len(lacks) <= MOST_LACKS else [*lacks[:MOST_LACKS], f"and {len(lacks) - MOST_LACKS} more"]


def rows_of(document: Document) -> dict[str, ActionRow]:
    """Return the actions by id, without those whose id or contents are still to be filled in."""
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
    found: dict[str, ActionRow] = {}
    for row in rows:
        found.setdefault(row.id, row)
    return found


def _told(row: ActionRow) -> dict[str, object]:
    """Return what is sent of an action; what is still to be filled in is not."""
    keys = {
        "title": ActionColumn.TITLE,
        "action_type": ActionColumn.TYPE,
        "owner": ActionColumn.OWNER,
        "verification": ActionColumn.VERIFICATION,
    }
    said = {key: row.text_of(column) for key, column in keys.items()}
    told: dict[str, object] = {key: text for key, text in said.items() if text and not has_placeholder(text)}
    due = {"due_at": row.due.isoformat()} if row.due else {}
    return {"action_id": row.id, **told, **due}


def _tells(action_id: str, told: Mapping[str, object], _: Document, rows: Rows) -> bool:
    row = rows.get(action_id)
    return row is not None and _told(row) == told


def _reaches(action_id: str, state: ActionState, _: Document, rows: Rows) -> bool:
    row = rows.get(action_id)
    return bool(row and row.progress and _ORDER.index(row.progress.state) >= _ORDER.index(state))


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)


def _digest(told: object) -> str:
    return sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:12]
