"""The past, instant by instant: incidents change when something happened, and deadlines pass by the clock."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import Metric as Family

from service.domain.incident import Incident
from service.domain.policy import Policy
from service.domain.totals import Increment, bounds
from service.history.backfill.chronicle import Change, changes
from service.history.backfill.standing import Totals, is_live, snapshot, turns_at
from service.history.backfill.windows import Windows
from service.metrics.collector import Families
from service.store import Store

_JUST_AFTER = timedelta(microseconds=1)


@dataclass(slots=True)
class _Life:
    """One incident: the changes that lie ahead, and how it stands."""

    began_at: datetime
    ahead: list[Change] = field(default_factory=list)
    incident: Incident | None = None


class Replay:
    """Reads the store once, and then moves from instant to instant; incidents that were over long before are let go."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        *,
        windows: Mapping[str, timedelta],
        cap: int,
        since: datetime,
        now: datetime,
    ) -> None:
        self._families = Families(policy)
        self._cap = cap
        self._windows = Windows(policy, windows)
        self._lives: dict[int, _Life] = {}
        self._wakes: list[tuple[datetime, int]] = []
        given: list[Increment] = []
        over: list[Increment] = []
        limits = bounds(policy)
        horizon = since - max(windows.values())
        for told in store.told():
            found = changes(told, policy, limits, now)
            if not found:
                continue
            added = [one for change in found for one in change.added]
            given += added
            if found[-1].at <= horizon and not is_live(found[-1].incident):
                over += added
                continue
            self._lives[told.id] = _Life(found[0].at, found[::-1])
            heapq.heappush(self._wakes, (found[0].at, told.id))
        self._totals = Totals(store.snapshot(now, 0).totals, given)
        self._totals.add(over)
        self._live: dict[int, Incident] = {}
        self._is_new = True

    def families(self, now: datetime) -> Iterator[Family]:
        """Yield the families that may look otherwise than at the instant before; `now` never goes back."""
        counted, moved, woken = self._advance(now)
        if not woken and not self._is_new:
            return
        statistics = self._windows.statistics()
        totals = self._totals.totals()
        if counted or self._is_new:
            yield from self._families.totals(totals)
        if moved or self._is_new:
            yield from self._families.indicators(statistics)
        yield from self._families.standing(snapshot(list(self._live.values()), totals, now, self._cap), statistics)
        self._is_new = False

    def _advance(self, now: datetime) -> tuple[bool, bool, bool]:
        counted = moved = woken = False
        while self._wakes and self._wakes[0][0] <= now:
            _, incident_id = heapq.heappop(self._wakes)
            life = self._lives[incident_id]
            woken = True
            while life.ahead and life.ahead[-1].at <= now:
                change = life.ahead.pop()
                life.incident = change.incident
                self._totals.add(change.added)
                counted = counted or bool(change.added)
            moved = self._settle(incident_id, life, now) or moved
        return counted, moved, woken

    def _settle(self, incident_id: int, life: _Life, now: datetime) -> bool:
        """Have an incident stand as it does at `now`, and wake it again when it will stand otherwise."""
        incident = life.incident
        assert incident is not None  # noqa: S101 - it wakes for the first time at its first change
        if is_live(incident):
            self._live[incident_id] = incident
        else:
            self._live.pop(incident_id, None)
        moved = self._windows.put(incident, life.began_at, now)
        later = [at + _JUST_AFTER for at in turns_at(incident)]
        later += self._windows.leaves_at(incident, life.began_at)
        later += [life.ahead[-1].at] if life.ahead else []
        wake_at = min((at for at in later if at > now), default=None)
        if wake_at is not None:
            heapq.heappush(self._wakes, (wake_at, incident_id))
        elif incident_id not in self._live:
            del self._lives[incident_id]
        return moved


def instants(since: datetime, until: datetime, step: timedelta) -> Sequence[int]:
    """Return the instants from `since` to `until`, both included, that are multiples of the step since 1970."""
    seconds = int(step.total_seconds())
    return range(-(-int(since.timestamp()) // seconds) * seconds, int(until.timestamp()) + 1, seconds)
