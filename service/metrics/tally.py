"""What this process did: requests, failures, what was ignored. Starts at zero with the process, unlike all else."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime


class Tally:
    """Counts, from any thread. Known label values are there at 0 from the start, so that `increase()` sees the first.

    `failure_reasons` and `ignore_reasons` are those that may occur; `heard` is when each source was last heard before
    this process began.
    """

    def __init__(
        self,
        sources: Collection[str],
        failure_reasons: Collection[str],
        ignore_reasons: Collection[str],
        heard: Mapping[str, datetime],
    ) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter(dict.fromkeys(sources, 0))
        self._failures: Counter[tuple[str, str]] = Counter({(s, r): 0 for s in sources for r in failure_reasons})
        self._ignored: Counter[tuple[str, str]] = Counter({(s, r): 0 for s in sources for r in ignore_reasons})
        self._truncated: Counter[str] = Counter(dict.fromkeys(sources, 0))
        self._heard: dict[str, datetime] = dict(heard)

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

    def truncated(self, source: str, count: int) -> None:
        """Count alerts that the sender cut off."""
        with self._lock:
            self._truncated[source] += count

    def heard(self, source: str, at: datetime) -> None:
        """Remember that a source sent something that was accepted."""
        with self._lock:
            self._heard[source] = max(at, self._heard.get(source, at))

    def counters(self) -> dict[str, list[tuple[tuple[str, ...], int]]]:
        """Return all counts by metric and label values."""
        with self._lock:
            return {
                "mttx_webhook_requests_total": [((s,), n) for s, n in self._requests.items()],
                "mttx_webhook_failures_total": [*self._failures.items()],
                "mttx_alerts_ignored_total": [*self._ignored.items()],
                "mttx_alerts_truncated_total": [((s,), n) for s, n in self._truncated.items()],
            }

    def last_heard(self) -> dict[str, datetime]:
        """Return when each source was last heard."""
        with self._lock:
            return dict(self._heard)
