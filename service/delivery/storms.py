"""Many incidents at once: beyond some first reports within a while, one message for all the rest, kept up to date.

The messages of a storm have the time of its beginning, and its further ones some microseconds more, as their key. An
incident that is named there has that time as a negative number in place of the id of a message of its own. Nothing else
remembers which message names whom, so that replicas and restarts go on with the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from service.clients.chat import Chat, ChatMessage
from service.delivery.message_builder import CLOCK_TOLERANCE, digest_of, post_once, rendered
from service.delivery.receiver import DeliveryPlan
from service.render.item_keys import EPOCH, ItemKey, OutboxKind
from service.render.messages import MessageTemplates
from service.render.storm import PAGE, storm_of
from service.store.outbox import Outbox
from service.store.outbox_rows import Claim, PlannedRow

PAUSE = timedelta(seconds=15)
"""The least time between two states of a message, and between two messages of the same storm."""
_MICROSECOND = timedelta(microseconds=1)
_MOST_PAGES = timedelta(microseconds=999)


@dataclass(frozen=True, slots=True)
class Storms:
    """Gathers what is more than `reports` first reports within `window` in one channel. `reports` None: nothing."""

    outbox: Outbox
    templates: MessageTemplates
    reports: int | None
    window: timedelta
    public_url: str | None = None

    def gather(self, claim: Claim, now: datetime) -> datetime | None:
        """Return the key's time of the message that is to name an incident, None if it gets a message of its own."""
        if self.reports is None or self.outbox.count_reports(claim, now - self.window, now) < self.reports:
            return None
        began_at = now - (now - EPOCH) % self.window
        pages = self.outbox.count_gathered(claim, began_at, began_at + _MOST_PAGES) // PAGE
        return began_at + pages * _MICROSECOND

    def find_or_name(
        self, chat: Chat, message: ChatMessage, since: datetime, named: int, _is_still_claimed: Callable[[], bool]
    ) -> int:
        """Return the id of a message that an attempt with an unknown result did post, else `named`."""
        return chat.find(message, None, since - CLOCK_TOLERANCE) or named

    def plan(self, chat: Chat, claim: Claim) -> DeliveryPlan:
        """Return what to do about the row of a storm's message."""
        storm_at = claim.key.due_at
        if storm_at is None:
            return DeliveryPlan()
        incidents = self.outbox.gathered(claim, storm_at)
        if not incidents:
            return DeliveryPlan()
        storm = storm_of(incidents, storm_at, self.public_url)
        text = rendered(lambda: self.templates.storm(storm))
        payload = {"kind": "storm", "began_at": storm_at.isoformat()}
        message = ChatMessage(f"mttx-{claim.key.name}", text, payload, channel=claim.key.channel)
        return DeliveryPlan(digest_of(message), (), partial(_post_or_edit, chat, claim, message, storm_at))


def storm_row(storm_at: datetime, channel: str, now: datetime) -> PlannedRow:
    """Return the row of a storm's message, which is due a while from now: more may happen. Further messages of a storm
    wait for those before them.
    """
    page = 1 + storm_at.microsecond
    return PlannedRow(ItemKey(OutboxKind.STORM, dashboard_uid=channel, due_at=storm_at), at=now + page * PAUSE)


def _post_or_edit(
    chat: Chat, claim: Claim, message: ChatMessage, storm_at: datetime, is_still_claimed: Callable[[], bool]
) -> int:
    if claim.remote_id is None:
        return post_once(chat, claim, message, is_still_claimed, thread_id=None, since=storm_at)
    chat.edit(claim.remote_id, message)
    return claim.remote_id
