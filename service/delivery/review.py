"""The list for the weekly review: what happened since the last one, what is open, and what is owed until the next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from service.clients.chat import Chat, ChatMessage
from service.delivery.speech import Place, digest_of, in_words, say_once
from service.delivery.target import Plan
from service.domain.policy import WeeklyReview
from service.render.conversation import OLD
from service.render.message_facts import told
from service.render.messages import Agenda, Line, Voice
from service.store.board import ActionOwed, Filter, IncidentPage, IncidentRow, Overview, StageOwed
from service.store.outbox_rows import TEAM, Claim, Planned

MOST_LINES = 20
MOST_READ = 200
_WEEK = timedelta(days=7)
_PREFIX = "review:"
_PASSED = bytes(16)


class Boards(Protocol):
    """What the list is read from; every method raises `StoreUnavailable`."""

    def overview(self, *, now: datetime, until: datetime, limit: int) -> Overview:
        """Return what is open and owed."""

    def listing(
        self, wanted: Filter, *, now: datetime, before: int | None, after: int | None, limit: int
    ) -> IncidentPage:
        """Return a page of incidents."""


@dataclass(frozen=True, slots=True)
class Review:
    """Says the list `lead` before each meeting, and sets the next one. `meets` None: there is none."""

    voice: Voice
    boards: Boards
    meets: WeeklyReview | None
    lead: timedelta
    public_url: str | None = None

    def first(self, now: datetime) -> tuple[Planned, ...]:
        """Return the row of the next meeting."""
        return (self._planned(self.meets.next_after(now)),) if self.meets else ()

    def plan(self, chat: Chat, claim: Claim, now: datetime) -> Plan:
        """Say what the row of a meeting is to become; one that was moved or is long over passes in silence."""
        if claim.digest is not None:
            return Plan(claim.digest)
        meeting_at = datetime.fromtimestamp(int(claim.item.removeprefix(_PREFIX)), UTC)
        if self.meets is None or self.meets.next_after(meeting_at - timedelta(seconds=1)) != meeting_at:
            return Plan(_PASSED)
        at = meeting_at - self.lead
        following = (self._planned(self.meets.next_after(max(now, meeting_at))),)
        if at > now:
            return Plan(_PASSED, not_before=at)
        agenda = self.agenda(meeting_at, now)
        if now - at > OLD or agenda.is_empty:
            return Plan(_PASSED, following)
        text = in_words(lambda: self.voice.review(agenda))
        message = ChatMessage(f"mttx-{claim.item}", text, {"kind": "review", "meeting_at": meeting_at.isoformat()})
        return Plan(digest_of(message), following, partial(say_once, chat, claim, message, Place(None, at)))

    def agenda(self, meeting_at: datetime, now: datetime) -> Agenda:
        """Return what the meeting is about, as of now."""
        board = self.boards.overview(now=now, until=meeting_at + _WEEK, limit=MOST_LINES)
        wanted = Filter(detected_since=meeting_at - _WEEK)
        week = self.boards.listing(wanted, now=now, before=None, after=None, limit=MOST_READ).lines
        more = {
            "incidents": len(week) - MOST_LINES,
            "open": board.open_count - len(board.open),
            "stages": board.stages_count - len(board.stages),
            "actions": board.actions_count - len(board.actions),
        }
        return Agenda(
            meeting_at=meeting_at,
            incidents=tuple(_incident(one, self._link) for one in week[:MOST_LINES]),
            open=tuple(_incident(one, self._link) for one in board.open),
            stages=tuple(_stage(one, self._link, self.meets) for one in board.stages),
            actions=tuple(_action(one, self._link) for one in board.actions),
            more={name: count for name, count in more.items() if count > 0},
        )

    def _planned(self, meeting_at: datetime) -> Planned:
        return Planned(TEAM, f"{_PREFIX}{int(meeting_at.timestamp())}", at=meeting_at - self.lead)

    def _link(self, incident: str) -> str | None:
        return f"{self.public_url}/incidents/{incident}" if self.public_url else None


Link = Callable[[str], str | None]


def _incident(one: IncidentRow, link: Link) -> Line:
    name = f"INC-{one.id}"
    return Line(name, told(one.title), one.severity.value, link(name))


def _stage(one: StageOwed, link: Link, meets: WeeklyReview | None) -> Line:
    name = f"INC-{one.incident.id}"
    severity = one.incident.severity.value
    at_review = meets is not None and meets.next_after(one.due_at - timedelta(seconds=1)) == one.due_at
    stage = one.stage.value
    return Line(
        name, told(one.incident.title), severity, link(name), stage=stage, due_at=one.due_at, at_review=at_review
    )


def _action(one: ActionOwed, link: Link) -> Line:
    name, action = f"INC-{one.incident_id}", one.action
    return Line(
        name,
        told(action.title),
        "",
        link(name),
        due_at=action.due_at,
        action=action.action_id,
        owner=told(action.owner),
    )
