"""A store, its recorder and its scrape, put together as `service.wiring` does."""

from datetime import timedelta

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from service.delivery.counters import DeliveryCounters
from service.domain.budgets import Slo
from service.domain.events import EventKind as K
from service.domain.policy import Severity
from service.intake.declaration import DeclaredField
from service.intake.reasons import Failure, Ignored, Rejected
from service.intake.sources import Source
from service.metrics.catalogue import METRICS
from service.metrics.collectors import DeliveryCollector, IncidentCollector, OutboxCollector, ProcessCollector, registry
from service.metrics.exposition import Exposition
from service.metrics.measurements import Measuring
from service.metrics.process_counters import ProcessCounters
from service.store.bodies import last_received
from tests.builders import alert, at, event
from tests.house import House

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
WINDOWS = {"7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
TARGETS = ("grafana",)
OBJECTIVES = (Slo("api", "q"),)
PER_PROCESS = {m.name for m in METRICS if not m.shared}


class World(House):
    """A house with a scrape; `minutes` is the time of day."""

    def __init__(self, path, rules=None, cap=100, objectives=OBJECTIVES):
        super().__init__(path, rules)
        self.minutes = 600.0
        self.cap = cap
        commits = lambda: self.recorder.stats.commits  # noqa: E731 - as short as in service.wiring
        self.measuring = Measuring(self.store, self.policy, WINDOWS, cap, commits)
        self.counters = ProcessCounters(
            list(Source),
            list(Failure),
            list(Ignored),
            self.store.read(last_received),
            alert_sources=[Source.ALERTMANAGER, Source.GRAFANA],
            reject_reasons=list(Rejected),
            declared=(["uptimekuma"], list(DeclaredField)),
        )
        self.incidents = IncidentCollector(self.measuring, self.policy, lambda: at(self.minutes), objectives)
        process = ProcessCollector(self.counters, self.recorder, self.incidents, "1.2.3")
        waiting = lambda target: self.store.outbox.backlog(target, at(self.minutes))  # noqa: E731 - the same
        outbox, deliveries = (
            OutboxCollector(TARGETS, waiting),
            DeliveryCollector(DeliveryCounters(TARGETS, ["permanent"])),
        )
        self.registry = registry([self.incidents, process, outbox, deliveries])
        own = registry([process, deliveries])
        self.expose = Exposition([self.incidents, outbox], own, self.store.version, lambda: at(self.minutes))

    def text(self, accept="text/plain"):
        return self.expose(accept, None)[0].decode()

    def families(self, accept="text/plain"):
        """Our own families of a scrape by the name that the format gives them."""
        parse = parse_openmetrics if accept == OPENMETRICS else parse_text
        return {f.name: f for f in parse(self.text(accept)) if f.name.startswith("mttx_")}

    def samples(self):
        """Our own samples as they are collected, past the formats: {(name, labels): value}."""
        return self._samples(lambda name: True)

    def shared(self):
        """What comes from the store alone."""
        return self._samples(lambda name: not {name, name + "_total"} & PER_PROCESS)

    def _samples(self, name):
        families = (f for f in self.registry.collect() if f.name.startswith("mttx_") and name(f.name))
        return {
            (s.name, frozenset((k, str(v)) for k, v in s.labels.items())): s.value for f in families for s in f.samples
        }

    def value(self, name, **labels):
        """One sample, None where it is absent."""
        return self.samples().get((name, frozenset(labels.items())))

    def series(self, name):
        """The label sets of a metric."""
        return [dict(labels) for metric, labels in self.samples() if metric == name]

    def live_a_day(self):
        """Record something of everything."""
        self.send(alert(0, severity=Severity.SEV_1, onset=-3), received=0)
        self.tell(1, K.ACKNOWLEDGED, 4, labels={"team": "payments"})
        self.tell(1, K.MITIGATED, 20, types=())
        self.tell(1, K.ROLE_ASSIGNED, 5, data={"role": "commander", "name": "Aki Tanaka"})
        self.send(alert(0, 50, severity=Severity.SEV_1), received=51)
        impact = {"started_at": at(-3).isoformat(), "ended_at": at(50).isoformat()}
        self.tell(1, K.BUDGET_MEASURED, 50, data={"slo": "api", "spent_ratio": 0.25, "query": "q", **impact})
        self.tell(1, K.POSTMORTEM_DRAFTED, 300)
        self.tell(
            1, K.ACTION_OPENED, 310, data={"action_id": "A1", "action_type": "prevent", "due_at": at(900).isoformat()}
        )
        self.tell(1, K.ACTION_OPENED, 311, data={"action_id": "A2", "action_type": "detect"})
        self.tell(1, K.ACTION_COMPLETED, 320, data={"action_id": "A2"})
        self.open(event(K.DETECTED, 100, severity=Severity.SEV_3), event(K.STARTED, 90), event(K.ACKNOWLEDGED, 103))
        self.open(event(K.DETECTED, 200), event(K.MITIGATED, 190), event(K.RESOLVED, 210))
        self.open(event(K.DETECTED, 220), event(K.DISMISSED, 230))
        finished = [event(K.STARTED, 225), event(K.DETECTED, 230), event(K.RESOLVED, 240, data={"automated": True})]
        self.open(*finished, event(K.POSTMORTEM_FINALIZED, 500))
        self.counters.request("alertmanager")
        self.counters.received("alertmanager", at(51))
