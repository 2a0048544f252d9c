"""Measurements at one moment: the current state of the store, and statistics over its recent past."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.incident import Phase
from service.domain.indicators import LEAD_TIMES, Row, intervals, met_deadline, table
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.store import Store, StoreUnavailable
from service.store.recent import MeasuredIncident, PostmortemCounts, postmortem_counts, visit_recent
from service.store.snapshot import Snapshot, snapshot_of

NEEDED = (Milestone.STARTED, Milestone.DETECTED, Milestone.ACKNOWLEDGED, Milestone.MITIGATED)
"""The milestones that a resolved incident should have; later ones have deadlines instead."""

TURN_SECONDS = 5.0
"""How long a reader waits for statistics being computed for another; if the store hangs, they never arrive."""
CHEAP_SECONDS = 0.05
KEEP_CHANGED = 20
KEEP_UNCHANGED_SECONDS = 60.0
"""Statistics that took less than `CHEAP_SECONDS` are computed for every scrape. Those of a huge store are cached: for
a minute without writes, else for twenty times what they cost, so that they never take more than that share."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The indicators by window, and data problems of the incidents of the longest; `seconds` is the time taken."""

    tables: Mapping[str, Sequence[Row]]
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
        self._version = version
        self._lock = threading.Lock()
        self._cached: _Cached | None = None

    def snapshot(self, now: datetime) -> Snapshot:
        """Return the totals, and what is open and due at `now`. Raises `StoreUnavailable`."""
        return self._store.read(snapshot_of, now, self._cap)

    def table(self, window: str, now: datetime) -> Sequence[Row] | None:
        """Return the indicators of one window, None for an unknown window. Raises `StoreUnavailable`."""
        return self.statistics(now).tables.get(window)

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
        gathering = _Gathering(self._policy, {name: now - length for name, length in self._windows.items()}, now)
        longest = now - max(self._windows.values())
        self._store.read(visit_recent, longest, gathering.visit)
        postmortems = self._store.read(postmortem_counts, now, longest)
        return Statistics(
            tables={name: table(gathering.samples[name], gathering.kept[name], self._policy) for name in self._windows},
            missing=gathering.missing,
            invalid=gathering.invalid,
            outlived=gathering.outlived,
            postmortems=postmortems,
            seconds=time.perf_counter() - began,
        )


class _Gathering:
    """Collects the samples of recent incidents by window, according to their detection."""

    def __init__(self, policy: Policy, since: Mapping[str, datetime], now: datetime) -> None:
        self._policy = policy
        self._since = since
        self._now = now
        self.samples: dict[str, dict[Severity, dict[Indicator, list[float]]]] = {
            name: {severity: {indicator: [] for indicator in Indicator} for severity in Severity} for name in since
        }
        self.kept: dict[str, dict[Severity, dict[Indicator, list[bool]]]] = {
            name: {severity: {indicator: [] for indicator in LEAD_TIMES} for severity in Severity} for name in since
        }
        self.outlived = 0
        self.missing: Counter[Milestone] = Counter()
        self.invalid: Counter[Indicator] = Counter()

    def visit(self, recent: MeasuredIncident) -> None:
        measured = intervals(recent.milestones, recent.resolution_source, self._policy.resolve_from)
        if recent.phase is Phase.RESOLVED:
            self.missing.update(m for m in NEEDED if m not in recent.milestones or m in measured.late)
        if recent.outlived_at is not None and recent.outlived_at < self._now:
            self.outlived += 1
        self.invalid.update(measured.invalid)
        detected_at = recent.milestones.get(Milestone.DETECTED)
        if detected_at is None:
            return
        deadlines = {i: met_deadline(i, recent.milestones, recent.severity, self._policy) for i in LEAD_TIMES}
        for name, since in self._since.items():
            if detected_at > since:
                for indicator, interval in measured.intervals.items():
                    self.samples[name][recent.severity][indicator].append(interval.total_seconds())
                    if (met := deadlines.get(indicator)) is not None:
                        self.kept[name][recent.severity][indicator].append(met)
