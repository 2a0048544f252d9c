"""Counters of this process: requests, failures, ignored alerts. Unlike all others they start at zero with it."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import product


class ProcessCounters:
    """Counts from any thread. Known label values start at 0, so that `increase()` includes the first increment.

    `failure_reasons`, `ignore_reasons` and `reject_reasons` are the possible ones; `last_received` is when each source
    last reported before this process began. Alerts come from `alert_sources` only. `declared` has the fields of the
    declared sources that may be unreadable.
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
        declared: tuple[Collection[str], Collection[str]] = ((), ()),
    ) -> None:
        labels: dict[str, tuple[Collection[str], ...]] = {
            "mttx_webhook_requests_total": (sources,),
            "mttx_webhook_failures_total": (sources, failure_reasons),
            "mttx_alerts_ignored_total": (sources, ignore_reasons),
            "mttx_alerts_rejected_total": (alert_sources, reject_reasons),
            "mttx_alerts_unmapped_total": (alert_sources,),
            "mttx_alerts_started_at_unreadable_total": (alert_sources,),
            "mttx_alerts_truncated_total": (sources,),
            "mttx_webhook_unreadable_total": declared,
        }
        self._lock = threading.Lock()
        self._counts = {metric: Counter(dict.fromkeys(product(*values), 0)) for metric, values in labels.items()}
        self._last_received = dict(last_received)

    def request(self, source: str) -> None:
        """Count a webhook request."""
        self._count("mttx_webhook_requests_total", (source,))

    def failure(self, source: str, reason: str) -> None:
        """Count a request that was not accepted."""
        self._count("mttx_webhook_failures_total", (source, reason))

    def unreadable(self, source: str, field: str) -> None:
        """Count a field of a declared source that is missing or cannot be read."""
        self._count("mttx_webhook_unreadable_total", (source, field))

    def ignored(self, source: str, reason: str, count: int) -> None:
        """Count alerts that never become an incident."""
        self._count("mttx_alerts_ignored_total", (source, reason), count)

    def rejected(self, source: str, reason: str, count: int) -> None:
        """Count alerts that were not recorded while others of their notification were."""
        self._count("mttx_alerts_rejected_total", (source, reason), count)

    def unmapped(self, source: str, count: int) -> None:
        """Count alerts whose severity no rule maps."""
        self._count("mttx_alerts_unmapped_total", (source,), count)

    def started_at_unreadable(self, source: str, count: int) -> None:
        """Count alerts that were recorded without the `started_at` that they carry."""
        self._count("mttx_alerts_started_at_unreadable_total", (source,), count)

    def truncated(self, source: str, count: int) -> None:
        """Count alerts that the sender truncated."""
        self._count("mttx_alerts_truncated_total", (source,), count)

    def received(self, source: str, at: datetime) -> None:
        """Record when a source sent something that was accepted."""
        with self._lock:
            self._last_received[source] = max(at, self._last_received.get(source, at))

    def counters(self) -> dict[str, list[tuple[tuple[str, ...], int]]]:
        """Return all counts by metric and label values."""
        with self._lock:
            return {metric: list(counts.items()) for metric, counts in self._counts.items()}

    def last_received(self) -> dict[str, datetime]:
        """Return when something was last received from each source."""
        with self._lock:
            return dict(self._last_received)

    def _count(self, metric: str, labels: tuple[str, ...], count: int = 1) -> None:
        with self._lock:
            self._counts[metric][labels] += count
