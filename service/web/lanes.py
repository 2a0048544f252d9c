"""The threads that answer requests: each kind of request has its own, so that no kind blocks another."""

import logging
import threading
from collections.abc import Callable, Mapping
from enum import Enum
from queue import SimpleQueue

_LOG = logging.getLogger(__name__)


class Lane(Enum):
    """A kind of request with its own threads; the first three are for paths with few requests."""

    LIVENESS = "/-/healthy"
    READINESS = "/-/ready"
    SCRAPE = "/metrics"
    WRITE = "write"
    READ = "read"
    REFUSAL = "refusal"


BY_PATH = {lane.value: lane for lane in (Lane.LIVENESS, Lane.READINESS, Lane.SCRAPE)}
SPARE = 4
"""Threads of the two large lanes beyond those that may wait for the store, so that excess ones are rejected fast."""


def lane_sizes(writers: int, readers: int) -> dict[Lane, int]:
    """Return the number of threads of each lane; `writers` may wait for commits and `readers` read at a time."""
    return {
        Lane.LIVENESS: 1,
        Lane.READINESS: 2,
        Lane.SCRAPE: 3,
        Lane.WRITE: writers + SPARE,
        Lane.READ: readers + SPARE,
        Lane.REFUSAL: 2,
    }


class Lanes:
    """Runs jobs in the threads of their lanes, the oldest first. Threads are started on demand."""

    def __init__(self, sizes: Mapping[Lane, int]) -> None:
        self._pools = {lane: _Pool(lane.name.lower(), size) for lane, size in sizes.items()}

    def run(self, lane: Lane, job: Callable[[], None]) -> None:
        """Schedule a job without blocking. Call from one thread only."""
        self._pools[lane].run(job)


class _Pool:
    """Threads that share a queue. `concurrent.futures` would create a future and a lock for each job."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._started = 0
        self._idle = threading.Semaphore(0)
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def run(self, job: Callable[[], None]) -> None:
        if not self._idle.acquire(blocking=False) and self._started < self._size:
            self._started += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:  # the thread must survive; the server answers the request with 500
                _LOG.exception("a request failed outside of the application")
            self._idle.release()
