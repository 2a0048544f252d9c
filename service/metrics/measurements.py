"""Measurements at one moment: the current state of the store, and statistics over its recent past."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.domain.breakdown import Dimension
from service.domain.indicators import Row
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.metrics.comparisons import Compared, KeptComparisons
from service.metrics.gathering import Breakdown, Gathering, GroupStatistics, KeptStatistics, table_of
from service.store import Store, StoreUnavailable
from service.store.budgets import spent_budgets
from service.store.recent import (
    PostmortemCounts,
    Selection,
    detected_only,
    postmortem_counts,
    visit_recent,
    visit_unfinished,
)
from service.store.snapshot import Snapshot, snapshot_of
from service.store.types import MICROSECOND

TURN_SECONDS = 5.0
"""How long a reader waits for statistics being computed for another; if the store hangs, they never arrive."""
CHEAP_SECONDS = 0.05
KEEP_CHANGED = 20
KEEP_UNCHANGED_SECONDS = 60.0
"""Statistics that took less than `CHEAP_SECONDS` are computed for every scrape. Those of a huge store are cached: for
a minute without writes, else for twenty times what they cost, so that they never take more than that share."""
MANY = 2000
"""With more incidents in the windows, and in those before, these are compared beside the statistics."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The indicators by window, and data problems of the incidents of the longest; `seconds` is the time taken.

    `groups` are all severities together (None) and each that has incidents; `breakdowns` has the dimensions, by their
    labels, of which an incident has a value.
    """

    groups: Mapping[Severity | None, GroupStatistics]
    breakdowns: Mapping[str, Breakdown]
    missing: Mapping[Milestone, int]
    invalid: Mapping[Indicator, int]
    outlived: int
    postmortems: PostmortemCounts
    seconds: float


@dataclass(frozen=True, slots=True)
class _Cached:
    """Statistics as of `at`, when the version was `version` and the monotonic clock showed `moment`."""

    statistics: Statistics
    version: int
    moment: float
    at: datetime

    def is_current(self, now: datetime, moment: float, version: int) -> bool:
        """Return whether they are still valid; a clock step in either direction invalidates them."""
        seconds = self.statistics.seconds
        lifetime = KEEP_UNCHANGED_SECONDS if version == self.version else seconds * KEEP_CHANGED
        age = max(moment - self.moment, (now - self.at).total_seconds())
        return seconds >= CHEAP_SECONDS and age < lifetime and now >= self.at


class Measuring:
    """Reads the store for scrapes and for the API. Safe to use from many threads.

    Totals and what is open or due are always current; statistics over many incidents may be slightly older.
    `windows` maps the name of a window to its length; `version` increases with every commit of this process.
    """

    def __init__(
        self, store: Store, policy: Policy, windows: Mapping[str, timedelta], cap: int, version: Callable[[], int]
    ) -> None:
        self._store = store
        self._policy = policy
        self._windows = windows
        self._cap = cap
        self._labels = [dimension.label for dimension in policy.breakdown]
        self._version = version
        self._lock = threading.Lock()
        self._cached: _Cached | None = None
        self._comparisons = KeptComparisons(self._compare)
        self._compared_last = 0
        self._kept = KeptStatistics(policy)

    def snapshot(self, now: datetime) -> Snapshot:
        """Return the totals, and what is open and due at `now`. Raises `StoreUnavailable`."""
        return self._store.read(snapshot_of, now, self._cap, self._labels)

    def table(self, window: str, now: datetime) -> Sequence[Row] | None:
        """Return the indicators of one window, None for an unknown window. Raises `StoreUnavailable`."""
        return table_of(self.statistics(now).groups, window) if window in self._windows else None

    def breakdowns(self, now: datetime) -> Mapping[str, Breakdown]:
        """Return the dimensions that incidents have values of, by label. Raises `StoreUnavailable`."""
        return self.statistics(now).breakdowns

    def select(self, selection: Selection, now: datetime) -> Mapping[str, Sequence[Row]]:
        """Return the indicators of the selected incidents by their value of its first label, each once if it has none.

        Without a label there is one table, of all severities together and of each, under "". The most frequent values
        are named, as in the metrics. Raises `StoreUnavailable`.
        """
        dimensions = [d for d in self._policy.breakdown if d.label in selection.labels]
        gathering = self._gather({"": selection.since}, now, selection, dimensions)
        if selection.compared:
            self._add_before(gathering, selection)
        if dimensions:
            groups = gathering.breakdown(dimensions[0].label).groups
            return {value: group.tables[""] for value, group in groups.items()}
        return {"": table_of(gathering.groups(compared=selection.compared), "")}

    def statistics(self, now: datetime) -> Statistics:
        """Return the statistics as of `now` or shortly before. Raises `StoreUnavailable`."""
        if not self._lock.acquire(timeout=TURN_SECONDS):
            return self._meanwhile()
        try:
            version, moment = self._version(), time.monotonic()
            if self._cached is None or not self._cached.is_current(now, moment, version):
                self._cached = _Cached(self._compute(now), version, moment, now)
            return self._cached.statistics
        finally:
            self._lock.release()

    def _meanwhile(self) -> Statistics:
        """Return the cached statistics while another thread recomputes them, up to a time limit."""
        cached = self._cached
        if cached is not None and time.monotonic() - cached.moment < 2 * KEEP_CHANGED * cached.statistics.seconds:
            return cached.statistics
        msg = "the statistics are being computed for other requests, which takes long"
        raise StoreUnavailable(msg)

    def _compute(self, now: datetime) -> Statistics:
        began = time.perf_counter()
        since = self._since(now)
        selection = Selection(since=min(since.values()), labels=self._labels)
        gathering = self._gather(since, now, selection, self._policy.breakdown, self._kept)
        if self._labels:
            gathering.add_budgets(self._store.read(spent_budgets, selection.since, self._labels))
        if max(gathering.visited, self._compared_last) <= MANY:
            self._add_before(gathering, selection)
            self._compared_last = gathering.visited
            groups = gathering.groups()
        else:
            groups = self._with_kept_comparisons(gathering.groups(compared=False), now)
            self._kept = KeptStatistics(self._policy)  # it would have all samples of a large store
        postmortems = self._store.read(postmortem_counts, now, selection.since)
        return Statistics(
            groups=groups,
            breakdowns=gathering.breakdowns(),
            missing=gathering.missing,
            invalid=gathering.invalid,
            outlived=gathering.outlived,
            postmortems=postmortems,
            seconds=time.perf_counter() - began,
        )

    def _since(self, now: datetime) -> dict[str, datetime]:
        return {name: now - length for name, length in self._windows.items()}

    def _with_kept_comparisons(
        self, groups: Mapping[Severity | None, GroupStatistics], now: datetime
    ) -> dict[Severity | None, GroupStatistics]:
        compared = self._comparisons.latest(now)
        return {
            severity: GroupStatistics(
                {
                    window: [replace(row, comparison=compared.get((window, row.indicator, severity))) for row in table]
                    for window, table in group.tables.items()
                }
            )
            for severity, group in groups.items()
        }

    def _compare(self, now: datetime) -> Compared:
        """Return all comparisons."""
        since = self._since(now)
        selection = Selection(since=min(since.values()))
        gathering = self._gather(since, now, selection)
        self._add_before(gathering, selection)
        self._compared_last = gathering.visited
        return {
            (window, row.indicator, severity): row.comparison.without_samples()
            for severity, group in gathering.groups().items()
            for window, table in group.tables.items()
            for row in table
            if row.comparison
        }

    def _add_before(self, gathering: Gathering, selection: Selection) -> None:
        """Add the incidents of the windows before."""
        earlier = replace(selection, since=gathering.bands[-1], until=selection.since + MICROSECOND)
        self._store.read(visit_recent, earlier, gathering.visit_before)

    def _gather(
        self,
        since: Mapping[str, datetime],
        now: datetime,
        selection: Selection,
        dimensions: Sequence[Dimension] = (),
        kept: KeptStatistics | None = None,
    ) -> Gathering:
        until, before_since = selection.until, selection.before_since
        gathering = Gathering(self._policy, since, now, dimensions, until=until, before_since=before_since, kept=kept)
        self._store.read(visit_recent, selection, gathering.visit)
        self._store.read(visit_unfinished, replace(selection, since=gathering.bands[-1]), gathering.visit_unfinished)
        if dimensions:
            gathering.add_detected_only(self._store.read(detected_only, selection, gathering.bands))
        return gathering
