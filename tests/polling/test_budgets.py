"""What an incident cost: asked once it is settled, once per objective, and never guessed."""

import math

import pytest

from service.clients.errors import RequestFailed
from service.clients.prometheus import Series
from service.domain.budgets import Slo
from service.domain.events import EventKind
from service.domain.policy import Severity
from service.polling.budgets import BudgetPoll
from tests.builders import at, event
from tests.house import House
from tests.polling.fakes import FakePrometheus

K = EventKind
QUERY = "errors[{{ range }}] @ {{ end }} > {{ start }}"
BEGAN, ENDED = at(0).timestamp(), at(31).timestamp()
ASKED = f"errors[1860s] @ {ENDED:.3f} > {BEGAN:.3f}"


class Scene(House):
    """A house with a poll; incidents settle fifteen minutes after their recovery."""

    def __init__(self, path, *objectives):
        super().__init__(path)
        self.prometheus = FakePrometheus(series={ASKED: [answer(0.42)]})
        self.objectives = objectives or (Slo("checkout", QUERY),)
        self.poll = self.new_poll()

    def new_poll(self):
        return BudgetPoll(self.prometheus, self.store, self.recorder, self.policy, self.objectives)

    def incident(self, *more):
        events = (event(K.STARTED, 0), event(K.DETECTED, 5), event(K.RESOLVED, 31, data={"automated": True}))
        return self.open(*events, *more)

    def run(self, minute):
        self.poll.run(at(minute))
        return [expression for expression, _ in self.prometheus.asked]

    def spent(self, incident_id=1):
        return self.get(incident_id).incident.error_budgets


def answer(value, **labels):
    return Series(labels, ((at(31), value),))


@pytest.fixture
def scene(tmp_path):
    built = Scene(tmp_path / "mttx.db")
    yield built
    built.close()


def test_it_asks_once_the_incident_is_settled_about_its_impact(scene):
    scene.incident()
    assert scene.run(45) == []
    assert scene.run(46) == [ASKED]
    assert scene.prometheus.asked == [(ASKED, at(31))]
    assert scene.spent() == {"checkout": 0.42}
    (measured,) = [e for e in scene.get(1).events if e.kind is K.BUDGET_MEASURED]
    assert (measured.data["query"], measured.source) == (ASKED, "prometheus")


def test_it_asks_once_and_after_a_restart_not_again(scene):
    scene.incident()
    scene.run(46)
    scene.run(47)
    scene.poll = scene.new_poll()
    assert scene.run(48) == [ASKED]


def test_it_asks_again_about_corrected_times(scene):
    scene.incident()
    scene.run(46)
    scene.tell(1, K.CORRECTED, 50, data={"milestone": "started", "occurred_at": at(-9).isoformat()})
    assert scene.spent() == {}
    corrected = f"errors[2400s] @ {ENDED:.3f} > {at(-9).timestamp():.3f}"
    scene.prometheus.series[corrected] = [answer(0.5)]
    assert scene.run(51) == [ASKED, corrected]
    assert scene.spent() == {"checkout": 0.5}


@pytest.mark.parametrize(
    "values", [[], [math.nan], [math.inf], [-0.1], [0.1, 0.2]], ids=["nothing", "nan", "infinite", "negative", "two"]
)
def test_it_records_nothing_that_is_no_share_and_asks_a_few_times(scene, values):
    scene.incident()
    scene.prometheus.series[ASKED] = [answer(value, pod=str(n)) for n, value in enumerate(values)]
    asked = [len(scene.run(minute)) for minute in (46, 46.5, 47, 52, 67, 127, 188, 400)]
    assert asked == [1, 1, 2, 3, 4, 5, 5, 5]
    assert scene.spent() == {}


def test_it_asks_again_when_prometheus_was_down(scene):
    scene.incident()
    scene.prometheus.down = True
    with pytest.raises(RequestFailed):
        scene.run(46)
    scene.prometheus.down = False
    scene.run(47)
    assert scene.spent() == {"checkout": 0.42}


def test_it_asks_nothing_about_a_stale_dismissed_or_old_incident(scene):
    scene.incident(event(K.DISMISSED, 40))
    scene.open(event(K.DETECTED, 0), event(K.RESOLVED, 31, data={"resolution_source": "stale"}))
    assert scene.run(46) == []
    scene.incident()
    assert scene.run(46 + 1440) == []


def test_it_asks_only_about_incidents_that_concern_the_objective(tmp_path):
    objectives = (
        Slo("other severity", QUERY, frozenset([Severity.SEV_1])),
        Slo("other service", QUERY, labels={"service": "cart"}),
        Slo("by label", 'errors{service="{{ $labels.service }}"}[{{ range }}] @ {{ end }}'),
        Slo("unknown label", 'errors{pod="{{ $labels.pod }}"}[{{ range }}] @ {{ end }}'),
        Slo("this", QUERY, labels={"service": "checkout"}),
    )
    scene = Scene(tmp_path / "mttx.db", *objectives)
    scene.incident(event(K.NOTE, 6, labels={"service": "checkout"}, data={"text": "x"}))
    assert scene.run(46) == [f'errors{{service="checkout"}}[1860s] @ {ENDED:.3f}', ASKED]
    scene.close()
