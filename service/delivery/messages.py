"""Incidents as conversations: which messages each needs, and how to say each once, in order.

The row of the incident's mark sends nothing: it finds what is to be said next and which reminders to set. A message
that goes out finds the one after it. A reminder is a row for later; when its time has come it looks whether it still
counts.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from service.clients.chat import NO_MESSAGE_ID, Chat, ChatMessage
from service.delivery.reminding import standing_reminders
from service.delivery.review import Review
from service.delivery.speech import Place, Speech, digest_of, name_of, say_once
from service.delivery.target import Plan
from service.domain.policy import Severity
from service.domain.reminders import Reminder
from service.render.conversation import Kind, Said, Saying, Talk
from service.render.subject import REGION, Subject
from service.store.outbox_rows import OWED, TEAM, Claim, Planned
from service.store.stories import Known, Story

UNSAID = bytes(16)
"""The digest of what needed no words."""


class MessageTarget:
    """Says things in one chat, about incidents of `severities`."""

    def __init__(
        self,
        name: str,
        chat: Chat,
        speech: Speech,
        review: Review,
        severities: frozenset[Severity] = frozenset(Severity),
    ) -> None:
        self.name = name
        self._chat = chat
        self._speech = speech
        self._review = review
        self._severities = severities
        self.close: Callable[[], None] = chat.close

    def plan(self, claim: Claim, story: Story | None, now: datetime) -> Plan:
        """Say what a row is to become. Raises `DeliveryError` where a template cannot be filled in."""
        if claim.incident_id == TEAM:
            return self._review.plan(self._chat, claim, now)
        if story is None:
            return Plan(UNSAID)
        talk = talk_of(story, claim.incident_id)
        known = [one for one in story.known if one.incident_id == claim.incident_id]
        if claim.item in (REGION, OWED):
            return Plan(UNSAID, tuple(self._wanted(talk, known, now, owed_only=claim.item == OWED)))
        if claim.digest is not None and not self._is_first(claim):
            return Plan(claim.digest)
        saying = Saying.of(claim.item)
        return self._plan_saying(claim, talk, saying, now) if saying else self._plan_reminder(claim, talk, now)

    # -- what is wanted ----------------------------------------------------------------------------------------------

    def _wanted(self, talk: Talk, known: Sequence[Known], now: datetime, *, owed_only: bool) -> Iterator[Planned]:
        """Yield the first message where it is out of date, the next one, and the reminders that are not set yet.

        `owed_only`: the incident was there before anybody was to be told; if it is over, only what it owes is news.
        """
        if self._is_outdated(talk, known):
            yield Planned(talk.owner, talk.said[0].saying.name)
        heard_of = bool(talk.said) or talk.subject.incident.severity in self._severities
        over = owed_only and not talk.said and not talk.subject.incident.is_open
        following = talk.next(now) if heard_of and not over else None
        if following is not None:
            yield Planned(talk.owner, following.name)
        names = {one.item for one in known}
        for reminder in self._reminders(talk, now):
            if name_of(reminder) not in names:
                yield Planned(talk.owner, name_of(reminder), at=reminder.at)

    def _is_outdated(self, talk: Talk, known: Sequence[Known]) -> bool:
        if not self._chat.edits or not talk.said:
            return False
        first = talk.said[0]
        if first.saying.kind is not Kind.FIRST or not first.sent or first.waits:
            return False
        before = next(one.digest for one in known if one.item == first.saying.name)
        return before != digest_of(self._speech.first(talk))

    def _reminders(self, talk: Talk, now: datetime) -> list[Reminder]:
        wanted = talk.subject.incident.severity in self._severities
        return standing_reminders(talk, self._speech.policy, now) if wanted else []

    # -- what is said ------------------------------------------------------------------------------------------------

    def _is_first(self, claim: Claim) -> bool:
        """Say whether it is a first message that can be brought up to date."""
        saying = Saying.of(claim.item)
        is_first = saying is not None and saying.kind is Kind.FIRST
        return is_first and self._chat.edits and claim.remote_id is not None

    def _plan_saying(self, claim: Claim, talk: Talk, saying: Saying, now: datetime) -> Plan:
        if self._is_first(claim):
            first = self._speech.first(talk)
            return Plan(digest_of(first), _after(talk, saying, now), partial(self._edit, claim, first))
        if not talk.stands(saying, now):
            return Plan(UNSAID, _after(talk, saying, now, sent=False))
        message = self._speech.first(talk) if saying.kind is Kind.FIRST else self._speech.next(talk, saying)
        send = partial(say_once, self._chat, claim, message, self._place(talk, talk.subject.opened_at[talk.owner]))
        return Plan(digest_of(message), _after(talk, saying, now), send)

    def _plan_reminder(self, claim: Claim, talk: Talk, now: datetime) -> Plan:
        reminder = next((one for one in self._reminders(talk, now) if name_of(one) == claim.item), None)
        if reminder is None:  # it says nothing as things are, which may change until its time has come
            return Plan(UNSAID, not_before=claim.not_before)
        message = self._speech.reminder(talk, reminder)
        send = partial(say_once, self._chat, claim, message, self._place(talk, reminder.at))
        return Plan(digest_of(message), (), send, not_before=reminder.at)

    def _place(self, talk: Talk, since: datetime) -> Place:
        return Place(talk.begun_as if self._chat.edits else None, since)

    def _edit(self, claim: Claim, message: ChatMessage, still_ours: Callable[[], bool]) -> int | None:  # noqa: ARG002
        if claim.remote_id is not None:
            self._chat.edit(claim.remote_id, message)
        return claim.remote_id


def talk_of(story: Story, incident_id: int) -> Talk:
    """Return the conversation about an incident, as the rows of the outbox tell it."""
    subject = Subject(incident=story.incident, told=story.told, episodes=story.episodes, opened_at=story.opened_at)
    known = [one for one in story.known if one.incident_id == incident_id]
    said = [Said(saying, one.remote_id, one.waits) for one in known if (saying := Saying.of(one.item))]
    return Talk(subject, incident_id, sorted(said, key=lambda one: one.saying.number))


def _after(talk: Talk, saying: Saying, now: datetime, *, sent: bool = True) -> tuple[Planned, ...]:
    """Return what comes after a message that is said, or passed over, now."""
    this = Said(saying, NO_MESSAGE_ID if sent else None)
    said = [this if one.saying == saying else one for one in talk.said]
    following = Talk(talk.subject, talk.owner, said).next(now)
    return (Planned(talk.owner, following.name),) if following else ()
