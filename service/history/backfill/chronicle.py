"""How an incident stood from when on, computed from all that is known of it now.

What happened later than an instant is left out, by `occurred_at` and not by when it was recorded: the past as it would
have been scraped if everything had been told when it happened. What was corrected or retracted since counts as right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.history import effective
from service.domain.incident import Incident, fold
from service.domain.policy import Policy
from service.domain.totals import Counted, Increment, increments
from service.store.told import Told


@dataclass(frozen=True, slots=True)
class Change:
    """From `at` on the incident stood so; `added` is what it gave to the running totals then."""

    at: datetime
    incident: Incident
    added: tuple[Increment, ...]


def changes(told: Told, policy: Policy, limits: Sequence[int], now: datetime) -> list[Change]:
    """Return the changes of one incident in order of time; none where everything of it was retracted.

    It begins with its detection: what lies earlier was told with it, for nobody knew of the incident before. The
    histograms get their samples when a resolution is final, as far as that is so `now`.
    """
    standing = effective(told.events).events
    pins = [event for event in told.events if _stays(event)]
    begin = _begin(standing, told.episodes)
    if begin is None:
        return []
    found: list[Change] = []
    counted = Counted.NOTHING
    instants = _instants(standing, told.episodes, begin)
    for at, following in zip(instants, [*instants[1:], now], strict=True):
        events = [event for event in standing if event.occurred_at <= at]
        episodes = [_as_of(episode, at) for episode in told.episodes if episode.starts_at <= at]
        heard_at = max((at, *_heard(told, at, policy.stale_after)))
        incident = fold(told.id, [*events, *pins], episodes, policy, heard_at)
        added, counted = increments(incident, counted, policy, limits, at)
        found.append(Change(at, incident, tuple(added)))
        settled_at = incident.settled_at
        if settled_at is not None and at < settled_at <= following:
            added, counted = increments(incident, counted, policy, limits, settled_at)
            found.append(Change(settled_at, incident, tuple(added)))
    return found


def _stays(event: Event) -> bool:
    """Say whether an event is about what is known, not about what happened: milestones fixed by hand, retractions."""
    if event.kind is EventKind.CORRECTED:
        return "milestone" in event.data
    return event.kind is EventKind.RETRACTED


def _begin(events: Sequence[Event], episodes: Sequence[Episode]) -> datetime | None:
    detected = [event.occurred_at for event in events if event.kind is EventKind.DETECTED]
    detected += [episode.starts_at for episode in episodes]
    return min(detected or [event.occurred_at for event in events], default=None)


def _instants(events: Sequence[Event], episodes: Sequence[Episode], begin: datetime) -> list[datetime]:
    instants = {event.occurred_at for event in events} | {episode.starts_at for episode in episodes}
    instants |= {episode.ends_at for episode in episodes if episode.ends_at is not None}
    return sorted({max(begin, at) for at in instants})


def _as_of(episode: Episode, at: datetime) -> Episode:
    if episode.ends_at is None or episode.ends_at <= at:
        return episode
    return replace(episode, ends_at=None, stale=False, end_unknown=False)


def _heard(told: Told, at: datetime, stale_after: timedelta) -> Iterator[datetime]:
    """Yield until when the alerts that fire at an instant were heard of: until their end, or before an assumed one."""
    for episode in told.episodes:
        if episode.starts_at <= at and (episode.ends_at is None or episode.ends_at > at):
            end = episode.ends_at or told.heard_at
            yield end - stale_after if episode.stale else end
