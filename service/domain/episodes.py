"""From what was observed of alerts to firings, and from firings to incidents; right in whatever order news arrives.

An episode is one firing of one alert. Episodes of an alert group that overlap or follow each other within the reopen
window belong to one incident. Both are computed from all that is known by time, never from the order of arrival.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.domain.events import Observation
from service.domain.policy import Severity

UNASSIGNED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One firing of one alert: `starts_at` to `ends_at`, None while it fires. `stale` marks an end nobody reported."""

    id: int
    source: str
    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    name: str
    severity: Severity
    incident_id: int
    stale: bool = False
    onset_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    generator_url: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of firing and the observations it was computed from, the earliest first."""

    starts_at: datetime
    ends_at: datetime | None
    stale: bool
    observations: tuple[Observation, ...]


def spans(observations: Iterable[Observation]) -> list[Span]:
    """Merge the observations of one alert (one source, one fingerprint) into its firings, earliest first.

    A start at or before the end of the current firing belongs to it: it may be a late duplicate, or the same firing
    that Alertmanager reports with another start. Of several ends the earliest counts, and a reported end counts before
    an assumed one. Source: Alertmanager `alert/alert.go` Merge; issues 4008 (late firing) and 1899 (repeated resolved).
    What says only when it ended (`is_end_only`) never begins a firing: it ends the one before it, or waits for it.
    """
    merged: list[Span] = []
    for seen in sorted(observations, key=lambda o: (o.starts_at, o.ends_at is None, o.ends_at or o.starts_at, o.stale)):
        current = merged[-1] if merged else None
        if seen.is_end_only and (current is None or current.starts_at >= seen.starts_at):
            continue
        if current is None or (
            current.ends_at is not None and seen.starts_at > current.ends_at and not seen.is_end_only
        ):
            merged.append(Span(seen.starts_at, seen.ends_at, seen.stale, (seen,)))
        else:
            ends_at, stale = _earlier_end((current.ends_at, current.stale), (seen.ends_at, seen.stale))
            merged[-1] = Span(current.starts_at, ends_at, stale, (*current.observations, seen))
    return merged


def _earlier_end(
    one: tuple[datetime | None, bool], other: tuple[datetime | None, bool]
) -> tuple[datetime | None, bool]:
    ends = [(stale, at) for at, stale in (one, other) if at is not None]
    if not ends:
        return None, False
    stale, at = min(ends)
    return at, stale


def clusters(episodes: Sequence[Episode], closed_at: Mapping[int, datetime], window: timedelta) -> list[list[Episode]]:
    """Split the episodes of one alert group into incidents, earliest first.

    `closed_at` holds the instant at which people closed an incident (by its id): a firing that goes on behind it no
    longer holds the incident together, so that what starts later than `window` after the closing is a new incident.
    """
    found: list[list[Episode]] = []
    reach: datetime | None = None  # until when the current cluster takes in what starts; None: as long as it fires
    for episode in sorted(episodes, key=lambda e: (e.starts_at, e.id)):
        until = _until(episode, closed_at.get(episode.incident_id), window)
        if found and (reach is None or episode.starts_at <= reach):
            found[-1].append(episode)
            reach = None if reach is None or until is None else max(reach, until)
        else:
            found.append([episode])
            reach = until
    return found


def _until(episode: Episode, closed_at: datetime | None, window: timedelta) -> datetime | None:
    end = episode.ends_at
    if closed_at is not None and closed_at >= episode.starts_at:
        end = closed_at if end is None else min(end, closed_at)
    return None if end is None else end + window


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which incident each episode of a group belongs to, and which incidents turned out to be one.

    `kept` maps an episode's id to the id of an incident that exists; `fresh` holds the episode ids of each incident
    that begins; `merges` maps the id of an absorbed incident to the id that absorbs it.
    """

    kept: Mapping[int, int]
    fresh: tuple[tuple[int, ...], ...]
    merges: Mapping[int, int]


def assign(groups: Sequence[Sequence[Episode]], joined_by_people: Set[int] = frozenset()) -> Assignment:
    """Give each cluster the earliest incident that its episodes already have; the later ones merge into it.

    An incident whose episodes turn out to be two stays with the earlier cluster, unless people joined them. An episode
    that has no incident yet carries `UNASSIGNED`.
    """
    kept: dict[int, int] = {}
    fresh: list[tuple[int, ...]] = []
    merges: dict[int, int] = {}
    taken: set[int] = set()
    for cluster in groups:
        known = sorted({e.incident_id for e in cluster} - {UNASSIGNED} - (taken - joined_by_people))
        if not known:
            fresh.append(tuple(e.id for e in cluster))
            continue
        home = known[0]
        taken.update(known)
        kept.update({e.id: home for e in cluster})
        merges.update(dict.fromkeys(known[1:], home))
    return Assignment(kept, tuple(fresh), merges)


def fired_again(episodes: Iterable[Episode]) -> list[datetime]:
    """Return when the alerts of an incident fired again after all of them had cleared."""
    again: list[datetime] = []
    reach: datetime | None = None
    for episode in sorted(episodes, key=lambda e: e.starts_at):
        if reach is not None and episode.starts_at > reach:
            again.append(episode.starts_at)
        if episode.ends_at is None:
            break
        reach = max(reach, episode.ends_at) if reach else episode.ends_at
    return again
