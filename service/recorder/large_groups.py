"""Assignment of an episode in a very large alert group to its incident, without reading all episodes."""

from collections.abc import Collection, Set
from datetime import datetime, timedelta

from service.domain.episodes import UNASSIGNED, Episode
from service.domain.firings import suffices
from service.domain.history import effective
from service.store.batch import Batch, GroupKey, IncidentState


class LargeGroups:
    """Finds episodes that stay in their incident, or join it, whatever else is in their groups.

    `service.domain.grouping.clusters` walks a group in order of starts. The anchor is the unchanged episode that ends
    last. What starts between its start and `window` after its end is in its incident, since that was not closed and
    nothing else starts later. An episode that starts there therefore stays or joins. So does one that starts earlier if
    only its end changes and the anchor starts at most `window` after that end, before and now: all between them is then
    in that incident either way. If the anchor has ended, no end may move earlier: episodes of other groups that other
    sources call by the same name may depend on it (`connected`).
    """

    def __init__(self, batch: Batch, window: timedelta) -> None:
        self._batch = batch
        self._window = window

    def homes(self, changed: Collection[int]) -> dict[int, IncidentState]:
        """Return, by episode id, the incidents of the changed episodes for which the incident is certain.

        Only for incidents that are loaded in part: for the others there is nothing to save.
        """
        batch = self._batch
        certain = {i for i, e in batch.entries.items() if e.partial and suffices(effective(batch.events_of(e)))}
        if not certain:
            return {}
        groups = {g for e in changed for g in batch.groups_of.get(e, ())}
        anchors = {g: self._anchor(g, frozenset(changed), certain) for g in groups}
        left = {episode_id for _, episode_id in batch.left_groups}
        homes: dict[int, IncidentState] = {}
        for episode_id in (e for e in changed if e not in left):
            around = {g: anchors[g] for g in batch.groups_of.get(episode_id, ())}
            incident_ids = {a.incident_id if a else UNASSIGNED for a in around.values()}
            incident_ids |= {batch.episodes[episode_id].incident_id} - {UNASSIGNED}
            held = all(a and self._holds(a, episode_id, g) for g, a in around.items())
            if held and len(incident_ids) == 1:
                homes[episode_id] = batch.entries[incident_ids.pop()]
        return homes

    def _anchor(self, group: GroupKey, changed: frozenset[int], certain: Set[int]) -> Episode | None:
        """Return the anchor of a group, of several the earliest to start, among the incidents in `certain`."""
        batch = self._batch
        members = batch.groups[group]
        if group in batch.cut and len(members & changed) >= batch.SAMPLE:
            return None  # the one that ends last may not be loaded
        others = [batch.episodes[e] for e in members - changed]
        last = max(map(_end, others), default=None)
        anchors = (e for e in others if _end(e) == last and e.incident_id in certain)
        return min(anchors, key=lambda e: e.starts_at, default=None)

    def _holds(self, anchor: Episode, episode_id: int, group: GroupKey) -> bool:
        """Return whether the anchor keeps the episode in the incident, as it is now and as it was last grouped."""
        now = self._batch.episodes[episode_id]
        before = self._batch.grouped.get(episode_id, now) or now
        if anchor.ends_at is not None and _end(now) < _end(before):
            return False
        starts = (before.starts_at, now.starts_at)
        if anchor.starts_at <= min(starts) and self._reaches(anchor, max(starts)):
            return True
        is_new = (group, episode_id) in self._batch.new_groups
        return not is_new and len(set(starts)) == 1 and all(self._reaches(e, anchor.starts_at) for e in (before, now))

    def _reaches(self, episode: Episode, instant: datetime) -> bool:
        return episode.ends_at is None or instant <= episode.ends_at + self._window


def _end(episode: Episode) -> tuple[bool, datetime]:
    return episode.ends_at is None, episode.ends_at or episode.starts_at
