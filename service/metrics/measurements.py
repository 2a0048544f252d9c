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


class Measuring:
    """Reads the store for scrapes and for the API. Safe to use from many threads.

    Totals and what is open or owed are always current; statistics over many incidents may be slightly older.
    `windows` maps the name of a window to its length; `version` increases with every commit of this process.
    """

    def __init__(
        self, store: Store, policy: Policy, windows: Mapping[str, timedelta], cap: int, version: Callable[[], int]
    ) -> None:
        self._store = store
        self._policy = policy
        self.windows = windows
        self._cap = cap
        self._version = version
        self._lock = threading.Lock()
        self._kept: Statistics | None = None
        self._kept_version = -1
        self._kept_since = 0.0
        self._kept_at: datetime | None = None

    def snapshot(self, now: datetime) -> Snapshot:
        """Return the totals, and what is open and owed at `now`. Raises `StoreUnavailable`."""
        return self._store.read(snapshot_of, now, self._cap)

    def statistics(self, now: datetime) -> Statistics:
        """Return the statistics as of `now` or shortly before. Raises `StoreUnavailable`."""
        if not self._lock.acquire(timeout=TURN_SECONDS):
            return self._meanwhile()
        try:
            version, moment = self._version(), time.monotonic()
            if self._kept is not None and self._is_young(now, moment, self._lifetime(self._kept, version)):
                return self._kept
            self._kept = self._compute(now)
            self._kept_version, self._kept_since, self._kept_at = version, moment, now
            return self._kept
        finally:
            self._lock.release()

    def _is_young(self, now: datetime, moment: float, lifetime: float) -> bool:
        """Return whether the cached statistics are still valid; a clock step in either direction invalidates them."""
        assert self._kept_at is not None  # noqa: S101 - it was set with what is kept
        age = max(moment - self._kept_since, (now - self._kept_at).total_seconds())
        return age < lifetime and now >= self._kept_at

    def _meanwhile(self) -> Statistics:
        """Return the cached statistics while another thread recomputes them, up to a time limit."""
        kept = self._kept
        if kept is not None and time.monotonic() - self._kept_since < 2 * KEEP_CHANGED * kept.seconds:
            return kept
        msg = "the statistics are being computed for others, and it takes long"
        raise StoreUnavailable(msg)

    def table(self, window: str, now: datetime) -> Sequence[Row] | None:
        """Return the indicators of one window, None for an unknown window. Raises `StoreUnavailable`."""
        return self.statistics(now).tables.get(window)

    def _lifetime(self, kept: Statistics, version: int) -> float:
        if kept.seconds < CHEAP_SECONDS:
            return 0.0
        return KEEP_UNCHANGED_SECONDS if version == self._kept_version else kept.seconds * KEEP_CHANGED

    def _compute(self, now: datetime) -> Statistics:
        began = time.perf_counter()
        gathering = _Gathering(self._policy, {name: now - length for name, length in self.windows.items()}, now)
        longest = now - max(self.windows.values())
        self._store.read(visit_recent, longest, gathering.visit)
        postmortems = self._store.read(postmortem_counts, now, longest)
        tables = {
            name: table(samples, gathering.kept[name], self._policy) for name, samples in gathering.samples.items()
        }
        seconds = time.perf_counter() - began
        return Statistics(tables, gathering.missing, gathering.invalid, gathering.outlived, postmortems, seconds)


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
