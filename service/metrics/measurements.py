"""The numbers of one moment: a snapshot of the store and the statistics over it, kept until they are worth new ones."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.incident import Phase
from service.domain.indicators import Row, intervals, table
from service.domain.policy import Indicator, Milestone, Policy, Severity
from service.store import Store
from service.store.snapshot import Recent, Snapshot

NEEDED = (Milestone.STARTED, Milestone.DETECTED, Milestone.ACKNOWLEDGED, Milestone.MITIGATED)
"""The milestones that a resolved incident should have; what is owed later has deadlines instead."""

KEEP_UNCHANGED = 400
KEEP_CHANGED = 20
LONGEST_KEPT_SECONDS = 60.0
"""Numbers are kept for so many times what they cost: long while nothing was written here, shortly otherwise. A small
store is read at every scrape, and a huge one never keeps the machine busier than a twentieth."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What a scrape shows. `tables` holds the indicators by window; `seconds` says what it cost to find all this."""

    snapshot: Snapshot
    tables: Mapping[str, Sequence[Row]]
    missing: Mapping[Milestone, int]
    invalid: Mapping[Indicator, int]
    seconds: float


class Measuring:
    """Reads the store when the numbers at hand are too old. Safe to use from many threads.

    `windows` maps the name of a window to its length; `version` grows with every commit of this process.
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
        self._kept: Measurements | None = None
        self._kept_version = -1
        self._kept_since = 0.0

    def measure(self, now: datetime) -> Measurements:
        """Return the numbers as of `now`, or shortly before. Raises `StoreUnavailable`."""
        with self._lock:
            version, moment = self._version(), time.monotonic()
            if self._kept is not None and moment - self._kept_since < self._lifetime(self._kept, version):
                return self._kept
            self._kept = self._read(now)
            self._kept_version, self._kept_since = version, moment
            return self._kept

    def table(self, window: str, now: datetime) -> Sequence[Row] | None:
        """Return the indicators of one window, None where there is no such window. Raises `StoreUnavailable`."""
        return self.measure(now).tables.get(window)

    def _lifetime(self, kept: Measurements, version: int) -> float:
        factor = KEEP_UNCHANGED if version == self._kept_version else KEEP_CHANGED
        return min(kept.seconds * factor, LONGEST_KEPT_SECONDS)

    def _read(self, now: datetime) -> Measurements:
        began = time.perf_counter()
        gathering = _Gathering(self._policy, {name: now - length for name, length in self.windows.items()})
        snapshot = self._store.snapshot(now, max(self.windows.values()), self._cap, gathering.visit)
        tables = {name: table(samples, self._policy) for name, samples in gathering.samples.items()}
        return Measurements(snapshot, tables, gathering.missing, gathering.invalid, time.perf_counter() - began)


class _Gathering:
    """Sorts the samples of recent incidents into the windows to which they belong by their detection."""

    def __init__(self, policy: Policy, since: Mapping[str, datetime]) -> None:
        self._policy = policy
        self._since = since
        self.samples: dict[str, dict[Severity, dict[Indicator, list[float]]]] = {
            name: {severity: {indicator: [] for indicator in Indicator} for severity in Severity} for name in since
        }
        self.missing: Counter[Milestone] = Counter()
        self.invalid: Counter[Indicator] = Counter()

    def visit(self, recent: Recent) -> None:
        if recent.phase is Phase.RESOLVED:
            self.missing.update(m for m in NEEDED if m not in recent.milestones)
        measured = intervals(recent.milestones, recent.resolution_source, self._policy.resolve_from)
        self.invalid.update(measured.invalid)
        detected_at = recent.milestones.get(Milestone.DETECTED)
        if detected_at is None:
            return
        for name, since in self._since.items():
            if detected_at > since:
                for indicator, interval in measured.intervals.items():
                    self.samples[name][recent.severity][indicator].append(interval.total_seconds())
