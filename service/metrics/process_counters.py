"""Counters of this process: requests, failures, ignored alerts. Unlike all others they start at zero with it."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime


class ProcessCounters:
    """Counts from any thread. Known label values start at 0, so that `increase()` includes the first increment.

    `failure_reasons`, `ignore_reasons` and `reject_reasons` are the possible ones; `heard` is when each source last
    reported before this process began. Alerts come from `alert_sources` only.
    """

    def __init__(
        self,
        sources: Collection[str],
        failure_reasons: Collection[str],
        ignore_reasons: Collection[str],
        last_received: Mapping[str, datetime],
        *,
        alert_sources: Collection[str] = (),
        reject_reasons: Collection[str] = (),
    ) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter(dict.fromkeys(sources, 0))
        self._failures: Counter[tuple[str, str]] = Counter({(s, r): 0 for s in sources for r in failure_reasons})
        self._ignored: Counter[tuple[str, str]] = Counter({(s, r): 0 for s in sources for r in ignore_reasons})
        self._rejected: Counter[tuple[str, str]] = Counter({(s, r): 0 for s in alert_sources for r in reject_reasons})
        self._unmapped: Counter[str] = Counter(dict.fromkeys(alert_sources, 0))
        self._started_at_unreadable: Counter[str] = Counter(dict.fromkeys(alert_sources, 0))
        self._truncated: Counter[str] = Counter(dict.fromkeys(sources, 0))
        self._last_received: dict[str, datetime] = dict(last_received)

    def request(self, source: str) -> None:
        """Count a webhook request."""
        with self._lock:
            self._requests[source] += 1

    def failure(self, source: str, reason: str) -> None:
        """Count a request that was not accepted."""
        with self._lock:
            self._failures[source, reason] += 1

    def ignored(self, source: str, reason: str, count: int) -> None:
        """Count alerts that never become an incident."""
        with self._lock:
            self._ignored[source, reason] += count

    def rejected(self, source: str, reason: str, count: int) -> None:
        """Count alerts that were not recorded while others of their notification were."""
        with self._lock:
            self._rejected[source, reason] += count

    def unmapped(self, source: str, count: int) -> None:
        """Count alerts whose severity no rule maps."""
        with self._lock:
            self._unmapped[source] += count

    def started_at_unreadable(self, source: str, count: int) -> None:
        """Count alerts that were recorded without the `started_at` that they carry."""
        with self._lock:
            self._started_at_unreadable[source] += count

    def truncated(self, source: str, count: int) -> None:
        """Count alerts that the sender truncated."""
        with self._lock:
            self._truncated[source] += count

    def received(self, source: str, at: datetime) -> None:
        """Record when a source sent something that was accepted."""
        with self._lock:
            self._last_received[source] = max(at, self._last_received.get(source, at))

    def counters(self) -> dict[str, list[tuple[tuple[str, ...], int]]]:
        """Return all counts by metric and label values."""
        with self._lock:
            return {
                "mttx_webhook_requests_total": [((s,), n) for s, n in self._requests.items()],
                "mttx_webhook_failures_total": [*self._failures.items()],
                "mttx_alerts_ignored_total": [*self._ignored.items()],
                "mttx_alerts_rejected_total": [*self._rejected.items()],
                "mttx_alerts_unmapped_total": [((s,), n) for s, n in self._unmapped.items()],
                "mttx_alerts_started_at_unreadable_total": [((s,), n) for s, n in self._started_at_unreadable.items()],
                "mttx_alerts_truncated_total": [((s,), n) for s, n in self._truncated.items()],
            }

    def last_received(self) -> dict[str, datetime]:
        """Return when something was last received from each source."""
        with self._lock:
            return dict(self._last_received)
