"""How much is measured: the whole run, or a quick one to try things out."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes and times. No round begins after `ends_at` (monotonic seconds), so that each part is bounded."""

    folder: Path
    pairs: int = 15
    burst_seconds: int = 2  # wrk knows whole seconds only
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    cached_scrapes: int = 7
    documents: int = 1_000
    log_megabytes: int = 2_000
    ends_at: float = field(default_factory=lambda: time.monotonic() + 11 * 60)

    def rounds(self) -> Iterator[int]:
        """Count the rounds, as long as there is time."""
        for number in range(self.pairs):
            if time.monotonic() > self.ends_at:
                return
            yield number


def quick(folder: Path) -> Plan:
    """Return a plan that takes a minute and proves nothing."""
    few = {"documents": 200, "log_megabytes": 64}
    return Plan(folder, pairs=3, burst_seconds=1, sizes=(1_000, 10_000), cached_scrapes=3, **few)
