"""Grouping of episodes into incidents, and distribution of an incident's events when it is split.

Decided by the times at which things happened, never by the order in which they were reported.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.episodes import UNASSIGNED, Episode
from service.domain.events import Event, EventKind
from service.domain.history import History
from service.domain.policy import Milestone
from service.domain.recovery import ACTS, Recovery, sender_keys

NOWHERE = History((), {}, {})


def clusters(episodes: Iterable[Episode], histories: Mapping[int, History], window: timedelta) -> list[list[Episode]]:
    """Split the episodes of one alert group into incidents, earliest first.

    An incident includes episodes that start while one of its alerts fires, or at most `window` after the last one
    ended. If people or machines closed it, the limit is `window` after the closing, or after the start of the incident
    if that is later, whatever its alerts do. Only what happened before the start of the episode counts. `histories`
    has the effective events of the episodes' current incidents, by id; a closing belongs to the part that had begun
    last when it was sent.
    """
    parts: list[_Part] = []
    begun: set[int] = set()
    for episode in sorted(episodes, key=lambda e: (e.starts_at, e.id)):
        if not parts or not parts[-1].takes_in(episode, window):
            parts.append(_Part(episode.starts_at, histories, frozenset(begun)))
        parts[-1].add(episode)
        begun.add(episode.incident_id)
    return [part.episodes for part in parts]


class _Part:
    """The episodes of one incident, added in order of time, and the acts that closed it.

    `begun` are the incidents with episodes in earlier parts, which keep the events sent before this part began.
    """

    def __init__(self, starts_at: datetime, histories: Mapping[int, History], begun: frozenset[int]) -> None:
        self.episodes: list[Episode] = []
        self._open = 0
        self._latest_end = starts_at
        self._starts_at = starts_at
        self._histories = histories
        self._begun = begun
        self._incidents: set[int] = set()
        self._acts: list[tuple[Event, datetime]] = []
        self._walked = _Walk([])

    def add(self, episode: Episode) -> None:
        self.episodes.append(episode)
        if episode.ends_at is None:
            self._open += 1
        else:
            self._latest_end = max(self._latest_end, episode.ends_at)
        if episode.incident_id in self._incidents:
            self._walked.recovery.start(episode)
            return
        self._incidents.add(episode.incident_id)
        if acts := self._acts_of(episode.incident_id):
            self._acts = sorted([*self._acts, *acts], key=lambda act: (act[1], act[0].recorded_at, act[0].event_id))
            self._walked = _Walk(self._acts)
            for added in self.episodes:
                self._walked.until(added.starts_at)
                self._walked.recovery.start(added)
        else:
            self._walked.recovery.start(episode)

    def _acts_of(self, incident_id: int) -> list[tuple[Event, datetime]]:
        """Return the acts that may close this part, each with the time from which it counts here."""
        history = self._histories.get(incident_id, NOWHERE)
        acts = [(e, history.sent_at(e)) for e in history.events if e.kind in ACTS]
        if incident_id in self._begun:
            acts = [(e, sent_at) for e, sent_at in acts if sent_at >= self._starts_at]
        return [(e, max(e.occurred_at, sent_at)) for e, sent_at in acts]

    def takes_in(self, episode: Episode, window: timedelta) -> bool:
        self._walked.until(episode.starts_at)
        reach = [] if self._open else [self._latest_end]
        if (closed_at := self._walked.recovery.closed_at) is not None:
            reach.append(max(closed_at, self._starts_at))
        return not reach or episode.starts_at <= min(reach) + window


class _Walk:
    """Applies ordered acts up to an instant."""

    def __init__(self, acts: Sequence[tuple[Event, datetime]]) -> None:
        self.recovery = Recovery(sender_keys(event for event, _ in acts))
        self._acts = acts
        self._walked = 0

    def until(self, instant: datetime) -> None:
        """Apply the acts before the instant."""
        while self._walked < len(self._acts) and self._acts[self._walked][1] < instant:
            self.recovery.act(self._acts[self._walked][0])
            self._walked += 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """The incident of each episode, and the incidents to merge.

    `kept` maps an episode's id to the id of an existing incident; `fresh` has the episode ids of each new incident;
    `merges` maps the id of a merged incident to the id that it is merged into.
    """

    kept: Mapping[int, int]
    fresh: tuple[tuple[int, ...], ...]
    merges: Mapping[int, int]


Joined = Mapping[int, datetime]
"""The incidents into which people merged others, with the time of the merge: what began before it stays together."""


def connected(
    groups: Sequence[Sequence[Sequence[Episode]]], window: timedelta, joined: Joined, senders: Sequence[str] = ()
) -> list[list[Episode]]:
    """Join the clusters of several alert groups that are one incident, earliest first.

    Clusters are joined if they share an episode (reported in both groups), or if they already belong to one incident
    (people merged them, or other sources use one name for them) and lie at most `window` apart. Names are shared only
    among groups of one sender; `senders` are those of the groups, if there are several. Other clusters of one group
    stay separate.
    """
    senders = senders or [""] * len(groups)
    components: dict[int, dict[int, Episode]] = {}
    for cluster in (cluster for clusters in groups for cluster in clusters):
        _join(components, cluster)
    for number, clusters in enumerate(groups):
        for cluster in clusters:
            incidents = {e.incident_id for e in cluster} - {UNASSIGNED}
            later = zip(groups[number + 1 :], senders[number + 1 :], strict=True)
            for other, sender in ((other, sender) for others, sender in later for other in others):
                shared = incidents & {e.incident_id for e in other}
                if sender != senders[number]:
                    shared &= joined.keys()
                begun = max(_begin(cluster), _begin(other))
                if any(begun <= joined.get(i, begun) for i in shared) and _touch(cluster, other, window):
                    _join(components, [*cluster, *other])
    unique = {id(members): members for members in components.values()}.values()
    ordered = [sorted(members.values(), key=lambda e: (e.starts_at, e.id)) for members in unique]
    return sorted(ordered, key=lambda members: (members[0].starts_at, members[0].id))


def _join(components: dict[int, dict[int, Episode]], cluster: Iterable[Episode]) -> None:
    members = {e.id: e for e in cluster}
    for shared in {id(components[e]): components[e] for e in members if e in components}.values():
        members |= shared
    components.update(dict.fromkeys(members, members))


def _begin(cluster: Sequence[Episode]) -> datetime:
    return min(e.starts_at for e in cluster)


def _touch(cluster: Sequence[Episode], other: Sequence[Episode], window: timedelta) -> bool:
    first, second = sorted((cluster, other), key=_begin)
    ends = [e.ends_at for e in first if e.ends_at is not None]
    return len(ends) < len(first) or _begin(second) <= max(ends) + window


def assign(groups: Sequence[Sequence[Episode]], joined: Joined) -> Assignment:
    """Assign to each cluster the lowest incident id of its episodes; its other incidents merge into that one.

    An incident that is split stays with the earliest cluster that has no other incident, except for what people
    `joined`. An episode without an incident carries `UNASSIGNED`.
    """
    kept: dict[int, int] = {}
    fresh: list[tuple[int, ...]] = []
    merges: dict[int, int] = {}
    taken: set[int] = set()
    last_seen = {e.incident_id: number for number, cluster in enumerate(groups) for e in cluster}
    for number, cluster in enumerate(groups):
        held = {i for i, joined_at in joined.items() if _begin(cluster) <= joined_at}
        incidents = sorted({e.incident_id for e in cluster} - {UNASSIGNED} - (taken - held))
        if not incidents:
            fresh.append(tuple(e.id for e in cluster))
            continue
        home, *others = incidents
        taken.add(home)
        kept.update({e.id: home for e in cluster})
        for other in others:
            if last_seen[other] == number or other in held:
                taken.add(other)
                merges[other] = home
    return Assignment(kept, tuple(fresh), merges)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the incidents that another is split into: the start times of its episodes, in order, and its id."""

    incident_id: int
    starts: tuple[datetime, ...]


_BEFORE_DETECTION = (EventKind.STARTED, EventKind.DETECTED)
_BY_TIME = (
    EventKind.ACKNOWLEDGED,
    EventKind.MITIGATED,
    EventKind.RESOLVED,
    EventKind.REOPENED,
    EventKind.DISMISSED,
    EventKind.SEVERITY_CHANGED,
    EventKind.DESCRIBED,
    EventKind.BUDGET_MEASURED,
    EventKind.ROLE_ASSIGNED,
    EventKind.NOTE,
)


def distribute(events: Collection[Event], home: int, parts: Sequence[Part]) -> dict[int, list[Event]]:
    """Return the events of the incident `home` by part id; `parts` are in order of time.

    By the sender's time: `started` and `detected` go to the part of the next alert that fired, actions during an
    incident to the last part that had begun, corrections and retractions to the part of their event. Events of the
    postmortem and its actions stay with `home`.
    """
    placed: dict[str, int] = {}
    distributed: dict[int, list[Event]] = {}
    about = []
    for event in events:
        if event.kind in (EventKind.CORRECTED, EventKind.RETRACTED):
            about.append(event)
            continue
        placed[event.event_id] = _part_of(event.kind, event.occurred_at, home, parts)
        distributed.setdefault(placed[event.event_id], []).append(event)
    for event in sorted(about, key=lambda e: e.recorded_at):
        placed[event.event_id] = _part_about(event, placed, home, parts)
        distributed.setdefault(placed[event.event_id], []).append(event)
    return distributed


def _part_of(kind: EventKind, at: datetime, home: int, parts: Sequence[Part]) -> int:
    if kind in _BEFORE_DETECTION:
        later = [(start, p.incident_id) for p in parts for start in p.starts if start >= at]
        return min(later)[1] if later else parts[-1].incident_id
    if kind in _BY_TIME:
        return next((p.incident_id for p in reversed(parts) if p.starts[0] <= at), parts[0].incident_id)
    return home


_KIND_OF = {
    Milestone.STARTED: EventKind.STARTED,
    Milestone.DETECTED: EventKind.DETECTED,
    Milestone.ACKNOWLEDGED: EventKind.ACKNOWLEDGED,
    Milestone.MITIGATED: EventKind.MITIGATED,
    Milestone.RESOLVED: EventKind.RESOLVED,
}


def _part_about(event: Event, placed: Mapping[str, int], home: int, parts: Sequence[Part]) -> int:
    if "milestone" not in event.data:
        return placed.get(event.data["event_id"], home)
    kind = _KIND_OF.get(Milestone(event.data["milestone"]))
    return home if kind is None else _part_of(kind, datetime.fromisoformat(event.data["occurred_at"]), home, parts)
