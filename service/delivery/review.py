"""The list for the weekly review: what happened since the last one, what is open, and what is due by the next."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from service.clients.chat import Chat, ChatMessage
from service.delivery.message_builder import digest_of, post_once, rendered
from service.delivery.receiver import DeliveryPlan
from service.domain.breakdown import NO_VALUE
from service.domain.incident_ids import page_url, public_id
from service.domain.policy import Policy, WeeklyReview
from service.render.buttons import review_buttons
from service.render.chat_texts import ChatTexts
from service.render.item_keys import ItemKey, OutboxKind
from service.render.message_facts import title_line
from service.render.messages import Agenda, MessageTemplates, ReviewLine
from service.render.thread import OLD
from service.store import Store
from service.store.incidents import IncidentFilter, IncidentRow, incident_page
from service.store.outbox_rows import Claim, PlannedRow
from service.store.overview import DueAction, DueStage, overview_of

MAX_LINES = 20
MAX_READ = 200
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ReviewMessages:
    """Posts the list `lead` before each meeting, and plans the next one. `meets` None: there are no meetings. `texts`:
    those of the buttons; None: the chat takes no presses.
    """

    templates: MessageTemplates
    store: Store
    policy: Policy
    meets: WeeklyReview | None
    lead: timedelta
    public_url: str | None = None
    texts: ChatTexts | None = None

    def first(self, now: datetime) -> tuple[PlannedRow, ...]:
        """Return the row of the next meeting."""
        return (self._planned(self.meets.next_after(now)),) if self.meets else ()

    def plan(self, chat: Chat, claim: Claim, now: datetime) -> DeliveryPlan:
        """Return what to do about a meeting's row; a meeting that was moved or is long over is skipped."""
        if claim.digest is not None:
            return DeliveryPlan(claim.digest)
        meeting_at = claim.key.due_at
        if self.meets is None or meeting_at is None or not self.meets.is_at(meeting_at):
            return DeliveryPlan()
        at = meeting_at - self.lead
        following = (self._planned(self.meets.next_after(max(now, meeting_at))),)
        if at > now:
            return DeliveryPlan(not_before=at)
        agenda = self.agenda(meeting_at)
        if now - at > OLD or agenda.is_empty:
            return DeliveryPlan(planned=following)
        text = rendered(lambda: self.templates.review(agenda))
        message = ChatMessage(f"mttx-{claim.key.name}", text, {"kind": "review", "meeting_at": meeting_at.isoformat()})
        if self.texts:
            message = replace(message, buttons=review_buttons(agenda.to_review, meeting_at, self.texts))
        return DeliveryPlan(
            digest_of(message), following, partial(post_once, chat, claim, message, thread_id=None, since=at)
        )

    def agenda(self, meeting_at: datetime) -> Agenda:
        """Return the meeting's agenda."""
        overview = self.store.read(overview_of, self.policy, meeting_at + _WEEK, MAX_LINES)
        last_week = IncidentFilter(detected_since=meeting_at - _WEEK)
        week = self.store.read(incident_page, last_week, limit=MAX_READ).rows
        more = {
            "incidents": len(week) - MAX_LINES,
            "open": overview.open_count - len(overview.open),
            "stages": overview.stages_count - len(overview.stages),
            "actions": overview.actions_count - len(overview.actions),
        }
        agenda = Agenda(
            meeting_at=meeting_at,
            incidents=tuple(map(self._incident_line, week[:MAX_LINES])),
            open=tuple(map(self._incident_line, overview.open)),
            stages=tuple(map(self._stage_line, overview.stages)),
            actions=tuple(map(self._action_line, overview.actions)),
            more={name: count for name, count in more.items() if count > 0},
        )
        lines = (*agenda.incidents, *agenda.open, *agenda.stages, *agenda.actions)
        return replace(agenda, dimension=self._dimension) if any(line.group for line in lines) else agenda

    @property
    def _dimension(self) -> str | None:
        """The label by which lines are grouped: the first dimension."""
        return next((dimension.label for dimension in self.policy.breakdown), None)

    def _group(self, dimensions: Mapping[str, str]) -> str:
        return dimensions.get(self._dimension, NO_VALUE) if self._dimension else NO_VALUE

    def _planned(self, meeting_at: datetime) -> PlannedRow:
        return PlannedRow(ItemKey(OutboxKind.TEAM_WIDE, due_at=meeting_at), at=meeting_at - self.lead)

    def _incident_line(self, incident: IncidentRow) -> ReviewLine:
        url = page_url(self.public_url, incident.id)
        line = ReviewLine(public_id(incident.id), title_line(incident.title), incident.severity.value, url)
        return replace(line, group=self._group(incident.dimensions))

    def _stage_line(self, due: DueStage) -> ReviewLine:
        at_review = self.meets is not None and self.meets.is_at(due.due_at)
        line = self._incident_line(due.incident)
        return replace(line, stage=due.stage.value, due_at=due.due_at, at_review=at_review)

    def _action_line(self, due: DueAction) -> ReviewLine:
        action, url = due.action, page_url(self.public_url, due.incident_id)
        line = ReviewLine(public_id(due.incident_id), title_line(action.title), "", url, due_at=action.due_at)
        group = self._group(due.dimensions)
        return replace(line, action=action.action_id, owner=title_line(action.owner), group=group)
