"""Metrics of the outbox, and of this process's deliveries to other systems."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.delivery.counters import DeliveryCounters
from service.metrics.catalogue import BY_NAME, Kind
from service.metrics.exposition import StoreCollector
from service.store import StoreUnavailable
from service.store.outbox_rows import Backlog


class DeliveryCollector(Collector):
    """The delivery counters of this process."""

    def __init__(self, counters: DeliveryCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        delivered, failed = self._counters.counts()
        yield _family("mttx_outbox_deliveries_total", (((t,), n) for t, n in delivered.items()))
        yield _family("mttx_outbox_failures_total", failed.items())


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
        yield _family("mttx_outbox_pending", (((t,), w.pending) for t, w in waiting.items()))
        yield _family("mttx_outbox_oldest_timestamp_seconds", oldest)
        yield _family("mttx_outbox_stopped", (((t,), w.stopped) for t, w in waiting.items()))


def _family(name: str, series: Iterable[tuple[Sequence[str], float]]) -> Family:
    metric = BY_NAME[name]
    make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(name, metric.help, labels=metric.labels)
    for labels, value in series:
        family.add_metric(labels, value)
    return family
