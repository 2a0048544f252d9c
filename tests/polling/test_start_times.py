"""The start of the impact from Prometheus: measured or unknown, never guessed."""

import pytest

from service.clients.errors import RequestFailed
from service.clients.prometheus import PrometheusAlert
from service.domain.events import EventKind
from service.domain.policy import Milestone
from service.polling.start_times import StartTimePoll
from service.recorder.commands import AppendEvent
from tests.builders import at, event
from tests.house import House
from tests.polling.fakes import FakePrometheus, FakeRecorder, FakeStore, firing, recent, value

SELECTOR = 'ALERTS_FOR_STATE{alertname="CheckoutErrors"}'
LABELS = {"alertname": "CheckoutErrors", "service": "checkout"}


class Scene:
    def __init__(self, *held, query=None, source="alertmanager", **answers):
        self.prometheus = FakePrometheus(**answers)
        self.recorder, self.store = FakeRecorder(), FakeStore(held or (recent(),))
        lookback = at(1440) - at(0)
        self.onsets = StartTimePoll(
            self.prometheus, self.store, self.recorder, query=query, lookback=lookback, source=source
        )

    def step(self, minutes=1):
        self.onsets.run(at(minutes))
        return [(c.incident_id, c.event.occurred_at) for c in self.recorder.commands]


def series(minutes, **labels):
    return {SELECTOR: [value(at(minutes).timestamp(), **labels)]}


def test_it_records_since_when_the_condition_held():
    scene = Scene(series=series(-5))
    assert scene.step() == [(1, at(-5))]
    (command,) = scene.recorder.commands
    assert isinstance(command, AppendEvent)
    assert (command.event.kind, command.event.source) == ("started", "prometheus")
    assert scene.prometheus.asked[-1] == (SELECTOR, at(0))


def test_it_asks_of_the_alerts_of_one_sender():
    of_eu = recent(firing(source="alertmanager@eu"))
    assert Scene(of_eu, source="alertmanager@eu", series=series(-5)).step() == [(1, at(-5))]
    assert Scene(of_eu, series=series(-5)).step() == []
    assert Scene(recent(), source="alertmanager@eu", series=series(-5)).step() == []


def test_it_takes_the_exact_time_while_the_alert_is_active():
    exact = at(-5).replace(microsecond=568198)
    active = [PrometheusAlert(LABELS, exact), PrometheusAlert({**LABELS, "service": "other"}, at(-9))]
    assert Scene(series=series(-5), active=active).step() == [(1, exact)]


@pytest.mark.parametrize("minutes", [-9, 3])
def test_it_takes_no_time_of_another_firing(minutes):
    assert Scene(series=series(-5), active=[PrometheusAlert(LABELS, at(minutes))]).step() == [(1, at(-5))]


def test_it_takes_the_active_alert_where_the_series_is_missing():
    assert Scene(active=[PrometheusAlert(LABELS, at(-2))]).step() == [(1, at(-2))]


def test_it_leaves_unknown_what_fits_more_than_one_series():
    both = {SELECTOR: [value(at(-5).timestamp()), value(at(-9).timestamp(), cluster="eu")]}
    assert Scene(series=both).step() == []


@pytest.mark.parametrize(
    "answer", [{}, series(-5, pod="a"), series(3), {SELECTOR: [value(float("nan"))]}, {SELECTOR: [value(-1.0)]}]
)
def test_it_never_guesses(answer):
    assert Scene(series=answer).step() == []


def test_it_asks_once_where_it_got_an_answer():
    scene = Scene(series=series(-5))
    for minutes in (1, 2, 300):
        scene.step(minutes)
    assert len(scene.recorder.commands) == 1
    assert len(scene.prometheus.asked) == 2


def test_it_asks_again_for_a_while_where_prometheus_knows_nothing_yet():
    scene = Scene()
    for minutes in range(0, 600, 1):
        scene.step(minutes)
    assert sum(asked[0] == SELECTOR for asked in scene.prometheus.asked) == 5


def test_it_asks_again_where_prometheus_did_not_answer():
    scene = Scene(series=series(-5), down=True)
    with pytest.raises(RequestFailed):
        scene.step()
    scene.prometheus.down = False
    assert scene.step() == [(1, at(-5))]


def test_it_asks_of_alerts_that_prometheus_fired_only():
    assert Scene(recent(firing(source="grafana")), series=series(-5)).step() == []


def test_it_asks_of_every_firing_of_an_incident():
    scene = Scene(recent(firing(0, 5, id=1), firing(9, id=2)), series=series(-5))
    assert scene.step(10) == [(1, at(-5)), (1, at(-5))]
    assert len({command.event.event_id for command in scene.recorder.commands}) == 2


def test_it_goes_on_where_the_incident_takes_no_more_events():
    scene = Scene(recent(), recent(firing(id=2), incident_id=2), series=series(-5))
    scene.recorder.refuses = True
    assert scene.step() == []


def test_a_query_of_the_user_comes_instead():
    query = 'min(first_error{service="{{ $labels.service }}"})'
    asked = 'min(first_error{service="checkout"})'
    scene = Scene(query=query, series={asked: [value(at(-3).timestamp()), value(at(-4).timestamp())], **series(-5)})
    assert scene.step() == [(1, at(-4))]


@pytest.mark.parametrize("minutes", [1, -1441])
def test_it_takes_no_time_behind_the_alert_or_long_before_it_from_a_query(minutes):
    assert Scene(query="x", series={"x": [value(at(minutes).timestamp())]}).step(5) == []


def test_it_asks_no_query_that_needs_a_label_which_the_alert_lacks():
    assert Scene(query='x{pod="{{$labels.pod}}"}').step() == []


def test_peoples_word_comes_before_prometheus(tmp_path):
    house = House(tmp_path / "mttx.db")
    try:
        number = house.open(event(EventKind.DETECTED))
        house.tell(number, EventKind.STARTED, -9, source="prometheus")
        assert house.get(number).incident.milestones[Milestone.STARTED] == at(-9)
        house.tell(number, EventKind.STARTED, -2)
        assert house.get(number).incident.milestones[Milestone.STARTED] == at(-2)
    finally:
        house.close()
