"""A store with its recorder, a Grafana, and dispatchers between them whose clock stands still until it is told."""

from collections import Counter
from datetime import timedelta

from service.delivery.dispatcher import Dispatcher
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store
from service.wiring.delivery import grafana_dispatcher
from tests.builders import at, policy
from tests.grafana.loopback import TOKEN
from tests.house import House


class Counters:
    """Counts what a dispatcher tells."""

    def __init__(self):
        self.deliveries = 0
        self.failures = Counter()

    def delivered(self, target):
        self.deliveries += 1

    def failed(self, target, reason):
        self.failures[str(reason)] += 1


class Site(House):
    """Without `grafana` nothing is delivered, and nothing is to be."""

    def __init__(self, path, grafana=None, **keys):
        self.url = f"sqlite:///{path}"
        self.policy = policy()
        self.store = Store.open(self.url, self.policy, ("grafana",) if grafana else ())
        self.recorder = Recorder(self.store, self.policy)
        self.now = at(600)
        self.counters = Counters()
        self.grafana = grafana
        where = {"url": grafana.url if grafana else None, "token": TOKEN, "timeout": "1s"} | keys
        self.settings = Settings.model_validate({"public_url": "https://mttx.example.com", "grafana": where})
        self._dispatchers = []

    def dispatcher(self, outbox=None, clock=None) -> Dispatcher:
        made = grafana_dispatcher(
            self.settings, outbox or self.store.outbox, self.counters, clock or (lambda: self.now)
        )
        made.random = lambda: 1.0
        self._dispatchers.append(made)
        return made

    def deliver(self, dispatcher=None, within=200):
        """Take steps until nothing waits, letting time pass where the dispatcher rests."""
        dispatcher = dispatcher or self.dispatcher()
        for _ in range(within):
            if not dispatcher.step():
                if not self.waiting().pending:
                    return dispatcher
                self.now += timedelta(minutes=1)
        raise AssertionError(f"still waiting: {self.waiting()} {self.outbox_keys()}")

    def waiting(self):
        return self.store.outbox.backlog("grafana", self.now)

    def spans(self):
        """Return what the dashboards show: (incident, what, start, end) in minutes, sorted."""
        return sorted(map(_span, self.grafana.regions()))

    def close(self):
        for dispatcher in self._dispatchers:
            dispatcher.stop()
        super().close()


def _span(row):
    tags = dict(tag.split(":") for tag in row["tags"] if ":" in tag)
    return tags["incident"], tags["what"], _minutes(row["time"]), _minutes(row["timeEnd"])


def _minutes(milliseconds):
    return (milliseconds / 1000 - at(0).timestamp()) / 60
