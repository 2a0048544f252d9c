"""The conversation about an incident: which message comes next, given the incident as it stands and what was said.

A message tells all news since the one before, so that after an outage there is one message, not ten. What was said is
in the names of the outbox's rows; nothing else remembers it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.events import Event, EventKind
from service.domain.policy import Severity
from service.domain.updates import is_update
from service.render.subject import Subject

OLD = timedelta(days=3)
"""What is older is no news: nobody is told of it for the first time, and no reminder of it goes out any more."""
_PREFIX = "say"


class Kind(StrEnum):
    """What a message says of the incident: that it is there, what is new, or that it is over in some way."""

    FIRST = "first"
    UPDATE = "update"
    OVER = "over"
    DISMISSED = "dismissed"
    MERGED = "merged"
    AGAIN = "again"
    AFTER = "after"


_GOING_ON = (Kind.FIRST, Kind.UPDATE, Kind.AGAIN)
_SAID_BY_THE_KIND = (EventKind.RESOLVED, EventKind.DISMISSED, EventKind.REOPENED)


@dataclass(frozen=True, slots=True)
class Saying:
    """One message of a conversation: its number in it, the severity that it tells, and the id of the last event that it
    covers, "" where there was none.
    """

    number: int
    kind: Kind
    severity: Severity
    upto: str = ""

    @property
    def name(self) -> str:
        """The name of its row in the outbox."""
        return f"{_PREFIX}:{self.number}:{self.kind}:{self.severity}:{self.upto}"

    @classmethod
    def of(cls, name: str) -> "Saying | None":
        """Read it from its name, None where the row is something else."""
        if not name.startswith(f"{_PREFIX}:"):
            return None
        _, number, kind, severity, upto = name.split(":", 4)
        return cls(int(number), Kind(kind), Severity(severity), upto)


@dataclass(frozen=True, slots=True)
class Said:
    """A message that was planned, and its id in the chat, None where nobody has seen it.

    `waits`: it is to go out yet.
    """

    saying: Saying
    message_id: int | None
    waits: bool = False

    @property
    def sent(self) -> bool:
        """Say whether people have seen it."""
        return self.message_id is not None


@dataclass(frozen=True, slots=True)
class Talk:
    """The conversation about the incident that was given the number `owner`, which another one may have absorbed."""

    subject: Subject
    owner: int
    said: Sequence[Said]

    @property
    def begun_as(self) -> int | None:
        """The id of the message that people saw first, None where there is none."""
        return next((one.message_id for one in self.said if one.sent), None)

    def next(self, now: datetime) -> Saying | None:
        """Return what is to be said next; None while something waits to be said, and where there is nothing new."""
        if any(one.waits for one in self.said):
            return None
        kind = self._kind(now)
        if kind is None:
            return None
        feed = self._feed()
        return Saying(len(self.said) + 1, kind, self.subject.incident.severity, feed[-1].event_id if feed else "")

    def news(self, saying: Saying) -> tuple[Event, ...]:
        """Return what people have not heard of before `saying`, as it counts now, in the order in which it was told."""
        before = [one.saying for one in self.said if one.saying.number < saying.number]
        feed = self._feed()
        begin = _behind(feed, before[-1].upto) if before else 0
        told = feed[begin : max(begin, _behind(feed, saying.upto))]
        counting = [self.subject.as_it_counts(event) for event in told if is_update(event)]
        return tuple(e for e in counting if e is not None and e.kind not in _SAID_BY_THE_KIND)

    def stands(self, saying: Saying, now: datetime) -> bool:
        """Say whether a message that was never sent still says something.

        Nobody is told any more of the beginning of what is over by now, of what later messages went past (a chat may
        have refused it), and of what has been over for long.
        """
        passed = any(one.sent for one in self.said if one.saying.number > saying.number)
        begins = saying.kind is Kind.FIRST and self._ending() is not None
        return not passed and not begins and not self._is_old(now, *(event.recorded_at for event in self._feed()))

    def _kind(self, now: datetime) -> Kind | None:
        last, ending = (self.said[-1].saying if self.said else None), self._ending()
        if last is None:
            return self._opening(ending, now)
        if last.kind in _GOING_ON:
            if ending is None:
                return Kind.UPDATE if self._has_news(last) else None
            return ending if ending is Kind.OVER or self._was_heard() else None
        if ending is None:
            return Kind.AGAIN
        if ending is Kind.OVER:
            return Kind.OVER if last.kind is Kind.DISMISSED else Kind.AFTER if self._has_news(last) else None
        return ending if ending is Kind.DISMISSED and last.kind is not ending and self._was_heard() else None

    def _opening(self, ending: Kind | None, now: datetime) -> Kind | None:
        if ending is None:
            return Kind.FIRST if now - self.subject.opened_at[self.owner] < OLD else None
        return Kind.OVER if ending is Kind.OVER and not self._is_old(now) else None

    def _is_old(self, now: datetime, *since: datetime) -> bool:
        """Say whether the incident has been over for long, and nothing came `since` then either."""
        over_at = self.subject.incident.over_at
        if over_at is None or self._ending() is not Kind.OVER:
            return False
        return now - max([over_at, *since]) >= OLD

    def _ending(self) -> Kind | None:
        incident = self.subject.incident
        if incident.id != self.owner:
            return Kind.MERGED
        if incident.dismissed_at is not None:
            return Kind.DISMISSED
        return None if incident.is_open else Kind.OVER

    def _was_heard(self) -> bool:
        return any(one.sent for one in self.said)

    def _has_news(self, last: Saying) -> bool:
        feed = self._feed()
        following = Saying(last.number + 1, last.kind, last.severity, feed[-1].event_id if feed else "")
        return bool(self.news(following)) or self.subject.incident.severity is not last.severity

    def _feed(self) -> list[Event]:
        """Return the events of this conversation in the order in which they came.

        Those of an incident that was absorbed were told in its own.
        """
        return [event for owner, event in self.subject.told if owner == self.owner]


def _behind(feed: Sequence[Event], event_id: str) -> int:
    """Return the place behind an event, 0 for none."""
    return next((i + 1 for i in reversed(range(len(feed))) if feed[i].event_id == event_id), 0)
