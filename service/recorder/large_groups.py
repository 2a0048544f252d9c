"""Assignment of an episode in a very large alert group to its incident, without reading all episodes.

`service.domain.grouping.clusters` walks a group in order of starts. The anchor is the unchanged episode that ends last.
What starts between its start and `window` after its end is in its incident, since that was not closed and nothing else
starts later. An episode that starts there therefore stays or joins. So does one that starts earlier if only its end
changes and the anchor starts at most `window` after that end, before and now: all between them is then in that incident
either way. If the anchor has ended, no end may move earlier: episodes of other groups that other sources call by the
same name may depend on it (`connected`).
"""

from collections.abc import Collection, Set
from datetime import datetime

from service.domain.episodes import UNASSIGNED, Episode
from service.domain.firings import suffices
from service.domain.history import effective
from service.recorder.batch import Batch
from service.store.loaded import GroupKey, IncidentState


def certain_incidents(batch: Batch, changed: Collection[int]) -> dict[int, IncidentState]:
    """Return, by episode id, the incidents of the changed episodes for which the incident is certain.

    They stay in it, or join it, whatever else is in their groups. Only for incidents that are loaded in part: for the
    others there is nothing to save.
    """
    partial = {state.id for state in batch.partial if suffices(effective(batch.events_of(state)))}
    if not partial:
        return {}
    groups = {g for e in changed for g in batch.groups_of.get(e, ())}
    anchors = {g: _anchor(batch, g, frozenset(changed), partial) for g in groups}
    certain: dict[int, IncidentState] = {}
    for episode_id in changed:
        now_in = batch.groups_of.get(episode_id, frozenset())
        around = {g: anchors[g] for g in now_in}
        incident_ids = {a.incident_id if a else UNASSIGNED for a in around.values()}
        incident_ids |= {batch.episodes[episode_id].incident_id} - {UNASSIGNED}
        stays = batch.loaded.groups_of.get(episode_id, frozenset()) <= now_in
        held = all(a and _holds(batch, a, episode_id, g) for g, a in around.items())
        if stays and held and len(incident_ids) == 1:
            certain[episode_id] = batch.incidents[incident_ids.pop()]
    return certain


def _anchor(batch: Batch, group: GroupKey, changed: frozenset[int], partial: Set[int]) -> Episode | None:
    """Return the anchor of a group, of several the earliest to start, among the incidents in `partial`."""
    members = batch.groups[group]
    if group in batch.loaded.sampled and len(members & changed) >= batch.loaded.SAMPLE:
        return None  # the one that ends last may not be loaded
    others = [batch.episodes[e] for e in members - changed]
    last = max(map(_end, others), default=None)
    anchors = (e for e in others if _end(e) == last and e.incident_id in partial)
    return min(anchors, key=lambda e: e.starts_at, default=None)


def _holds(batch: Batch, anchor: Episode, episode_id: int, group: GroupKey) -> bool:
    """Return whether the anchor keeps the episode in the incident, as it is now and as it was last grouped."""
    now = batch.episodes[episode_id]
    before = batch.regrouped_from.get(episode_id, now) or now
    if anchor.ends_at is not None and _end(now) < _end(before):
        return False
    starts = (before.starts_at, now.starts_at)
    if anchor.starts_at <= min(starts) and _reaches(batch, anchor, max(starts)):
        return True
    is_new = group not in batch.loaded.groups_of.get(episode_id, ())
    return not is_new and len(set(starts)) == 1 and all(_reaches(batch, e, anchor.starts_at) for e in (before, now))


def _reaches(batch: Batch, episode: Episode, instant: datetime) -> bool:
    return episode.ends_at is None or instant <= episode.ends_at + batch.window


def _end(episode: Episode) -> tuple[bool, datetime]:
    return episode.ends_at is None, episode.ends_at or episode.starts_at
