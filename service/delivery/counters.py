"""What this process delivered, and what failed."""

import threading
from collections import Counter
from collections.abc import Collection


class DeliveryCounters:
    """Counts deliveries from any thread; every target and reason starts at 0."""

    def __init__(self, targets: Collection[str], reasons: Collection[str]) -> None:
        self._lock = threading.Lock()
        self._delivered: Counter[str] = Counter(dict.fromkeys(targets, 0))
        self._failed: Counter[tuple[str, str]] = Counter({(t, r): 0 for t in targets for r in reasons})

    def delivered(self, target: str) -> None:
        """Count a successful delivery."""
        with self._lock:
            self._delivered[target] += 1

    def failed(self, target: str, reason: str) -> None:
        """Count a failed attempt."""
        with self._lock:
            self._failed[target, reason] += 1

    def counts(self) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
        """Return the deliveries by target, and the failures by target and reason."""
        with self._lock:
            return dict(self._delivered), dict(self._failed)
