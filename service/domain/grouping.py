"""From the episodes of an alert group to incidents, and which of an incident's events goes with which of its parts.

Judged by the times at which things happened, never by the order in which they were reported.
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

    An incident takes in what starts while one of its alerts fires, or no later than `window` after the last of them
    ended; but where people or machines closed it, whatever its alerts do, no later than `window` after that, or after
    it began. What counts is what had happened before the start in question. `histories` holds the effective events of
    the incidents in which the episodes are now, by id; a closing goes with the part that had begun last when it was
    sent.
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
    """The episodes of one incident, added in order of time, and what closed it meanwhile.

    `begun` are the incidents of which there are episodes in earlier parts, which keep what was sent before this one.
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
        """Return the acts that may close this part, each with the instant from which it counts here."""
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
    """Walks through acts, which are in order, up to an instant."""

    def __init__(self, acts: Sequence[tuple[Event, datetime]]) -> None:
        self.recovery = Recovery(sender_keys(event for event, _ in acts))
        self._acts = acts
        self._walked = 0

    def until(self, instant: datetime) -> None:
        """Take in the acts that lie before the instant."""
        while self._walked < len(self._acts) and self._acts[self._walked][1] < instant:
            self.recovery.act(self._acts[self._walked][0])
            self._walked += 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which incident each episode belongs to, and which incidents turned out to be one.

    `kept` maps an episode's id to the id of an incident that exists; `fresh` holds the episode ids of each incident
    that begins; `merges` maps the id of an absorbed incident to the id that absorbs it.
    """

    kept: Mapping[int, int]
    fresh: tuple[tuple[int, ...], ...]
    merges: Mapping[int, int]


Joined = Mapping[int, datetime]
"""The incidents into which people merged others, each with when they did: what had begun by then stays together."""


def connected(
    groups: Sequence[Sequence[Sequence[Episode]]], window: timedelta, joined: Joined, senders: Sequence[str] = ()
) -> list[list[Episode]]:
    """Join the clusters of several alert groups that are one incident, earliest first.

    They share an episode (it was seen in both groups), or belong to one incident already, because people merged them or
    other sources call them by one name, and lie no further apart than `window`. Only groups of one sender have names in
    common; `senders` are those of the groups, where there are several. The clusters of one group stay apart otherwise.
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
    """Give each cluster the lowest incident that its episodes already have; the others of it merge into that one.

    An incident whose episodes turn out to be two stays with the earliest cluster that needs none other, save what
    people `joined`. An episode that has no incident yet carries `UNASSIGNED`.
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
    """One of the incidents that another turned out to be: when its alerts began to fire, in order, and its id."""

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
    EventKind.ROLE_ASSIGNED,
    EventKind.NOTE,
)


def distribute(events: Collection[Event], home: int, parts: Sequence[Part]) -> dict[int, list[Event]]:
    """Say which events of the incident `home` go with which of its parts, which are in order of time.

    By the time that the sender gave: `started` and `detected` with the next alert that fired, what is done during an
    incident with the last part that had begun, corrections and retractions with what they are about. What concerns the
    postmortem and its actions stays where it was sent.
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
