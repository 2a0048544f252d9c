"""The states of an incident over time, computed from everything that is known of it now.

The state at an instant leaves out what happened later, by `occurred_at` and not by when it was recorded: the past as it
would have been scraped if everything had been reported when it happened. Later corrections and retractions apply.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.incident import Incident, fold
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.domain.totals import Counted, Increment, increments


@dataclass(frozen=True, slots=True)
class ReplayedState:
    """The state of an incident from `at` on; `added` is what it adds to the running totals at that time."""

    at: datetime
    incident: Incident
    added: tuple[Increment, ...]


def replayed_states(
    history: IncidentHistory, policy: Policy, bucket_bounds: Sequence[int], now: datetime
) -> list[ReplayedState]:
    """Return the states of one incident in order of time; none if all of it was retracted.

    It begins with its detection: what is earlier was reported with it, since the incident was unknown before. The
    histograms get their samples when a resolution is final, as far as that is so `now`.
    """
    events_in_effect = history.effective_events
    retroactive = [event for event in history.events if _is_retroactive(event)]
    begin = _begin(events_in_effect, history.episodes)
    if begin is None:
        return []
    states: list[ReplayedState] = []
    counted = Counted.NOTHING
    instants = _instants(events_in_effect, history.episodes, begin)
    for at, following in zip(instants, [*instants[1:], now], strict=True):
        events = [event for event in events_in_effect if event.occurred_at <= at]
        episodes = [_as_of(episode, at) for episode in history.episodes if episode.starts_at <= at]
        last_seen_at = max((at, *_last_seen(history, at, policy.stale_after)))
        incident = fold(history.id, [*events, *retroactive], episodes, policy, last_seen_at)
        added, counted = increments(incident, counted, policy, bucket_bounds, at)
        states.append(ReplayedState(at, incident, tuple(added)))
        settled_at = incident.settled_at
        if settled_at is not None and at < settled_at <= following:
            added, counted = increments(incident, counted, policy, bucket_bounds, settled_at)
            states.append(ReplayedState(settled_at, incident, tuple(added)))
    return states


def _is_retroactive(event: Event) -> bool:
    """Return whether an event changes the past as a whole: a milestone set by hand, or a retraction."""
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


def _last_seen(history: IncidentHistory, at: datetime, stale_after: timedelta) -> Iterator[datetime]:
    """Yield when the alerts that fire at an instant were last reported: at their end, or before an assumed one."""
    for episode in history.episodes:
        if episode.starts_at <= at and (episode.ends_at is None or episode.ends_at > at):
            end = episode.ends_at or history.last_seen_at
            yield end - stale_after if episode.stale else end
