"""The collectors of a scrape: what the store holds, which every replica exports, and what this process counts."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.core import SummaryMetricFamily
from prometheus_client.registry import Collector

from service.delivery.counters import DeliveryCounters
from service.domain.budgets import Slo
from service.domain.policy import Policy
from service.metrics.catalogue import BY_NAME
from service.metrics.families import Families
from service.metrics.measurements import Measuring
from service.metrics.parts import family_of
from service.metrics.process_counters import ProcessCounters
from service.recorder.writer import Recorder
from service.store import StoreUnavailable
from service.store.outbox_rows import Backlog


class StoreCollector(Collector):
    """Collects from the store; no families if the store fails. After `collect`, `whole` is whether the store answered.

    Families may come in parts, and a part is the same object as the last time while it shows the same.
    `changes_at` is the next time at which the result changes without a write, None if it does not.
    """

    whole = False
    changes_at: datetime | None = None


class IncidentCollector(StoreCollector):
    """Incidents, postmortems and actions, read from the store; every replica exports the same.

    If the store fails, the scrape has none of these families and `mttx_scrape_errors_total` increases.
    """

    def __init__(
        self, measuring: Measuring, policy: Policy, clock: Callable[[], datetime], objectives: Iterable[Slo] = ()
    ) -> None:
        self._measuring = measuring
        self._families = Families(policy, objectives)
        self._clock = clock
        self.errors = 0
        self.seconds = 0.0

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        began = time.perf_counter()
        try:
            now = self._clock()
            snapshot, statistics = self._measuring.snapshot(now), self._measuring.statistics(now)
        except StoreUnavailable:
            self.errors += 1
            self.whole, self.changes_at = False, None
            return
        self.seconds = time.perf_counter() - began
        self.whole, self.changes_at = True, snapshot.changes_at
        yield from self._families.totals(snapshot.totals)
        yield from self._families.indicators(statistics.groups)
        yield from self._families.breakdowns(statistics.breakdowns)
        yield from self._families.standing(snapshot, statistics)


class DeliveryCollector(Collector):
    """The delivery counters of this process."""

    def __init__(self, counters: DeliveryCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        delivered, failed = self._counters.counts()
        yield family_of("mttx_outbox_deliveries_total", (((t,), n) for t, n in delivered.items()))
        yield family_of("mttx_outbox_failures_total", failed.items())


class OutboxCollector(StoreCollector):
    """The outbox of every configured target; no families if the store fails."""

    def __init__(self, targets: Collection[str], waiting: Callable[[str], Backlog]) -> None:
        self._targets = targets
        self._waiting = waiting

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        self.whole, self.changes_at = False, None
        try:
            waiting = {target: self._waiting(target) for target in self._targets}
        except StoreUnavailable:
            return
        self.whole = True
        self.changes_at = min((w.next_at for w in waiting.values() if w.next_at), default=None)
        oldest = [((t,), w.oldest.timestamp() if w.oldest else 0) for t, w in waiting.items()]
        yield family_of("mttx_outbox_pending", (((t,), w.pending) for t, w in waiting.items()))
        yield family_of("mttx_outbox_oldest_timestamp_seconds", oldest)
        yield family_of("mttx_outbox_stopped", (((t,), w.stopped) for t, w in waiting.items()))


class ProcessCollector(Collector):
    """Counters of this process. Runs after `IncidentCollector`, whose errors and duration it exports."""

    def __init__(
        self,
        counters: ProcessCounters,
        recorder: Recorder,
        incidents: IncidentCollector,
        version: str,
    ) -> None:
        self._counters = counters
        self._recorder = recorder
        self._incidents = incidents
        self._version = version

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        for name, counts in self._counters.counters().items():
            yield family_of(name, counts)
        last_seen = self._counters.last_received()
        yield family_of(
            "mttx_last_webhook_timestamp_seconds", (((s,), at.timestamp()) for s, at in sorted(last_seen.items()))
        )
        stats = self._recorder.stats
        yield family_of("mttx_recorder_queue_length", [((), self._recorder.queue_length)])
        yield family_of("mttx_recorder_commits_total", [((), stats.commits)])
        commit = BY_NAME["mttx_recorder_commit_seconds"]
        summary = SummaryMetricFamily(commit.name, commit.help)
        summary.add_metric((), stats.commits, stats.commit_seconds)
        yield summary
        yield family_of("mttx_store_errors_total", [((), stats.errors)])
        yield family_of("mttx_scrape_errors_total", [((), self._incidents.errors)])
        yield family_of("mttx_scrape_duration_seconds", [((), self._incidents.seconds)])
        yield family_of("mttx_build_info", [((self._version,), 1)])


def registry(collectors: Iterable[Collector]) -> CollectorRegistry:
    """Return a registry with the collectors, in order, and those of the process and of Python."""
    made = CollectorRegistry()
    for collector in collectors:
        made.register(collector)
    prometheus_client.ProcessCollector(registry=made)
    prometheus_client.PlatformCollector(registry=made)
    prometheus_client.GCCollector(registry=made)
    return made
