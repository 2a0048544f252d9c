"""Stand-ins for what the questions go to."""

from dataclasses import dataclass, field

from service.clients.errors import RequestFailed
from service.clients.prometheus import Series
from service.recorder.commands import Conflict
from service.store.incidents import recent_episodes
from tests.builders import at, episode, incident_row


@dataclass
class FakePrometheus:
    """Answers what it was given; `down` plays a server that does not answer."""

    series: dict = field(default_factory=dict)
    active: list = field(default_factory=list)
    raw: list = field(default_factory=list)
    external: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    down: bool = False

    def _ask(self, *what):
        self.asked.append(what)
        if self.down:
            raise RequestFailed("http://prometheus: ConnectionError")

    def query(self, expression, instant):
        self._ask(expression, instant)
        return self.series.get(expression, [])

    def active_alerts(self):
        self._ask("alerts")
        return self.active

    def samples(self, selector, begin, end):
        self._ask(selector, begin, end)
        return self.raw

    def external_labels(self):
        return self.external


@dataclass
class FakeRecorder:
    commands: list = field(default_factory=list)
    refuses: bool = False

    def submit(self, command):
        if self.refuses:
            raise Conflict("INC-1 is dismissed")
        self.commands.append(command)
        return ()


@dataclass
class FakeStore:
    held: tuple = ()

    def read(self, query, *_):
        assert query is recent_episodes
        return self.held


def recent(*episodes, incident_id=1, received=0, **milestones):
    """An incident and its episodes, one where nothing is said."""
    return incident_row(incident_id, milestones=milestones, last_seen_at=at(received)), episodes or (firing(),)


def firing(starts=0, ends=None, **fields):
    labels = {"alertname": "CheckoutErrors", "service": "checkout", "cluster": "eu"}
    return episode(starts, ends, **{"labels": labels, **fields})


def value(number, **labels):
    return Series({"alertname": "CheckoutErrors", "service": "checkout", **labels}, ((at(0), number),))
