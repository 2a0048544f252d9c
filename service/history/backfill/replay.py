"""The past, instant by instant: incidents change when something happens, and deadlines pass with time."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import Metric as Family

from service.domain.incident import Incident
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.domain.totals import Increment, bucket_bounds_of
from service.history.backfill.incident_states import ReplayedState, replayed_states
from service.history.backfill.state_at import RunningTotals, is_live, snapshot_at, time_changes_at
from service.history.backfill.windows import Windows
from service.metrics.families import Families
from service.metrics.parts import joined
from service.store import Store
from service.store.histories import visit_histories
from service.store.snapshot import snapshot_of
from service.store.types import MICROSECOND


@dataclass(slots=True)
class _ReplayedIncident:
    """One incident: its later states, latest first, and its current one."""

    began_at: datetime
    ahead: list[ReplayedState] = field(default_factory=list)
    incident: Incident | None = None


class Replay:
    """Reads the store once, and then moves from instant to instant; incidents that ended long before are dropped."""

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
        self._labels = [dimension.label for dimension in policy.breakdown]
        self._cap = cap
        self._windows = Windows(policy, windows)
        self._replayed: dict[int, _ReplayedIncident] = {}
        self._schedule: list[tuple[datetime, int]] = []
        additions: list[Increment] = []
        finished: list[Increment] = []
        bucket_bounds = bucket_bounds_of(policy)
        horizon = since - 2 * max(windows.values())  # the window before the longest one

        def add(history: IncidentHistory) -> None:
            states = replayed_states(history, policy, bucket_bounds, now)
            if not states:
                return
            added = [increment for state in states for increment in state.added]
            additions.extend(added)
            if states[-1].at <= horizon and not is_live(states[-1].incident):
                finished.extend(added)
                return
            incident_id = history.id
            self._replayed[incident_id] = _ReplayedIncident(states[0].at, states[::-1])
            heapq.heappush(self._schedule, (states[0].at, incident_id))

        store.read(visit_histories, policy, add)
        self._totals = RunningTotals(store.read(snapshot_of, now, 0).totals, additions)
        self._totals.add(finished)
        self._live: dict[int, Incident] = {}
        self._is_new = True

    def families(self, now: datetime) -> Iterator[Family]:
        """Yield the families that may differ from those of the previous instant; `now` never goes back."""
        totals_changed, windows_changed, any_changed = self._advance(now)
        if not any_changed and not self._is_new:
            return
        statistics = self._windows.statistics()
        totals = self._totals.totals()
        if totals_changed or self._is_new:
            yield from joined(self._families.totals(totals))
        if windows_changed or self._is_new:
            yield from joined(self._families.indicators(statistics.groups))
            yield from joined(self._families.breakdowns(statistics.breakdowns))
        snapshot = snapshot_at(list(self._live.values()), totals, now, self._cap, self._labels)
        yield from joined(self._families.standing(snapshot, statistics))
        self._is_new = False

    def _advance(self, now: datetime) -> tuple[bool, bool, bool]:
        totals_changed = windows_changed = any_changed = False
        while self._schedule and self._schedule[0][0] <= now:
            _, incident_id = heapq.heappop(self._schedule)
            replayed = self._replayed[incident_id]
            any_changed = True
            while replayed.ahead and replayed.ahead[-1].at <= now:
                state = replayed.ahead.pop()
                replayed.incident = state.incident
                self._totals.add(state.added)
                totals_changed = totals_changed or bool(state.added)
            windows_changed = self._update(incident_id, replayed, now) or windows_changed
        return totals_changed, windows_changed, any_changed

    def _update(self, incident_id: int, replayed: _ReplayedIncident, now: datetime) -> bool:
        """Apply the state of an incident at `now`, and schedule its next change."""
        incident = replayed.incident
        assert incident is not None  # noqa: S101 - it is first scheduled at its first state
        if is_live(incident):
            self._live[incident_id] = incident
        else:
            self._live.pop(incident_id, None)
        windows_changed = self._windows.put(incident, replayed.began_at, now)
        later = [at + MICROSECOND for at in time_changes_at(incident)]
        later += self._windows.leaves_at(incident, replayed.began_at)
        later += [replayed.ahead[-1].at] if replayed.ahead else []
        next_at = min((at for at in later if at > now), default=None)
        if next_at is not None:
            heapq.heappush(self._schedule, (next_at, incident_id))
        elif incident_id not in self._live:
            del self._replayed[incident_id]
        return windows_changed


def instants(since: datetime, until: datetime, step: timedelta) -> Sequence[int]:
    """Return the instants from `since` to `until`, both included, that are multiples of the step since 1970."""
    seconds = int(step.total_seconds())
    return range(-(-int(since.timestamp()) // seconds) * seconds, int(until.timestamp()) + 1, seconds)
