"""Those who look while something burns: Prometheus, people, and the probes of an orchestrator."""

import threading
import time
from collections import Counter
from contextlib import contextmanager

from tests.real.http import request
from tests.real.meanwhile import meanwhile


class Onlookers:
    """What they saw. `outcomes`: by path, how often which status, or "cut" where none came in time."""

    def __init__(self):
        self.outcomes = {}
        self.slowest = {}
        self.over = threading.Event()
        self._lock = threading.Lock()

    def look(self, exporter, path, every, patience):
        """Ask again and again, each time as long as one who asks for this waits."""
        while not self.over.wait(every):
            began = time.monotonic()
            try:
                outcome = request("GET", exporter.url + path, timeout=patience).status
            except OSError:
                outcome = "cut"
            took = time.monotonic() - began
            with self._lock:
                self.outcomes.setdefault(path, Counter())[outcome] += 1
                self.slowest[path] = max(took, self.slowest.get(path, 0.0))

    def summary(self):
        """Say in one line what they saw."""
        return "; ".join(
            f"{path}: {', '.join(f'{n} × {outcome}' for outcome, n in sorted(counts.items(), key=str))}"
            f", the slowest {self.slowest[path]:.1f} s"
            for path, counts in sorted(self.outcomes.items())
        )


@contextmanager
def looking(exporters, readers=4, scrapers=2):
    """Look at each exporter while the block runs: readers of its first page, scrapers, and both probes."""
    onlookers = Onlookers()
    kinds = [
        *[("/", 0.1, 10)] * readers,
        *[("/metrics", 0.5, 10)] * scrapers,
        *[("/-/ready", 0.5, 1)] * scrapers,
        ("/-/healthy", 0.3, 5),
    ]
    threads = [
        threading.Thread(target=onlookers.look, args=(exporter, *kind)) for exporter in exporters for kind in kinds
    ]
    with meanwhile(threads, onlookers.over, within=30):
        yield onlookers
