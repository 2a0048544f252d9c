"""What Alertmanager never told: gaps that are filled once, and alerts of which nothing was heard for long."""

from datetime import timedelta

import pytest

from service.clients.alertmanager import AlertmanagerAlert
from service.clients.errors import RequestFailed
from service.clients.prometheus import Series
from service.domain.events import EventKind
from service.domain.silences import Matcher, Silence
from service.intake.alerts import AlertParseOptions
from service.polling.gaps import GapPoll
from service.polling.quiet_incidents import QuietIncidentPoll
from service.recorder.commands import PruneBodies
from tests.builders import alert, at, event
from tests.house import House
from tests.polling.fakes import FakePrometheus

MINUTE = timedelta(minutes=1)
LABELS = {"alertname": "CheckoutErrors", "severity": "critical"}


class FakeAlertmanager:
    def __init__(self):
        self.firing, self.held, self.down = [], [], False

    def alerts(self):
        if self.down:
            raise RequestFailed("http://alertmanager: ConnectionError")
        return [AlertmanagerAlert(name, at(0), {}) for name in self.firing]

    def silences(self):
        return self.held


class Scene(House):
    """A real store, a Prometheus with samples, one Alertmanager."""

    def __init__(self, path):
        super().__init__(path)
        self.source = "alertmanager"
        self.prometheus, self.alertmanager = FakePrometheus(), FakeAlertmanager()
        self.again()

    def again(self):
        """Begin anew, as after a restart."""
        asks = (self.prometheus, [self.alertmanager], self.store, self.recorder)
        lookback = timedelta(days=1)
        times = {"longest_pause": 2 * MINUTE, "delay": 10 * MINUTE, "lookback": lookback}
        self.gaps = GapPoll(*asks, AlertParseOptions(), source=self.source, **times)
        asked = (asks[0], asks[2], asks[3])
        self.news = QuietIncidentPoll(asks[1], *asked, quiet=60 * MINUTE, lookback=lookback, source=self.source)

    def fired(self, first, last, **labels):
        minutes = [first + n / 4 for n in range(round((last - first) * 4))]
        samples = tuple((at(m), 1.0) for m in minutes)
        self.prometheus.raw.append(Series({**LABELS, "alertstate": "firing", **labels}, samples))

    def rounds(self, begin, end):
        for minutes in range(begin, end):
            self.gaps.run(at(minutes))

    def asked(self):
        return len(self.prometheus.asked)


@pytest.fixture
def scene(tmp_path):
    built = Scene(tmp_path / "mttx.db")
    yield built
    built.close()


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_it_opens_what_fired_and_resolved_while_nobody_listened_once(scene):
    scene.rounds(0, 5)
    scene.fired(20, 30)
    scene.again()
    scene.rounds(60, 90)
    assert scene.intervals() == [(20, 30)]
    (note,) = scene.get(1).events
    assert note.source == "reconciled"
    assert scene.get(1).incident.title == "CheckoutErrors"
    assert scene.asked() == 1


def test_a_gap_is_filled_with_what_the_sender_that_is_asked_did_not_tell(scene):
    """The same alert of another cluster, at the same time, was reported."""
    scene.source = "alertmanager@eu"
    scene.again()
    scene.send(alert(20, 25, labels={"severity": "critical"}, sender="us"))
    scene.rounds(0, 5)
    scene.fired(20, 30)
    scene.again()
    scene.rounds(60, 90)
    assert scene.intervals() == [(20, 25), (20, 30)]
    assert [e.source for e in scene.get(2).episodes] == ["alertmanager@eu"]


def test_it_ends_the_alerts_of_the_sender_that_is_asked(scene):
    scene.source = "alertmanager@eu"
    scene.again()
    for sender in ("us", "eu"):
        scene.send(alert(0, labels={"severity": "critical"}, sender=sender), received=1)
    scene.fired(0, 30)
    scene.news.run(at(90))
    assert scene.intervals() == [(0, 30), (0, None)]
    assert [e.ends_at for e in scene.get(1).episodes] == [None]


def test_a_gap_is_noticed_after_all_raw_bodies_were_deleted(scene):
    scene.rounds(0, 5)
    scene.submit(PruneBodies(at(60)))
    scene.fired(20, 30)
    scene.again()
    scene.rounds(60, 90)
    assert scene.intervals() == [(20, 30)]


def test_it_reads_nothing_where_there_was_no_gap(scene):
    scene.fired(20, 30)
    scene.rounds(0, 60)
    assert scene.asked() == 0


def test_it_reads_nothing_at_its_very_first_start(scene):
    scene.fired(-30, -20)
    scene.rounds(0, 30)
    assert scene.intervals() == []


def test_it_lets_alertmanager_tell_it_first(scene):
    scene.rounds(0, 5)
    scene.fired(20, 30)
    scene.rounds(60, 65)
    scene.send(alert(20, 29.9, fingerprint="late", labels={"severity": "critical"}))
    scene.rounds(65, 90)
    assert scene.intervals() == [(20, 29.9)]


def test_a_notification_that_comes_after_all_is_the_same_firing(scene):
    scene.rounds(0, 5)
    scene.fired(20, 30)
    scene.rounds(60, 80)
    (episode,) = scene.get(1).episodes
    assert scene.send(alert(20, 30, fingerprint=episode.fingerprint)) == [1]
    assert scene.intervals() == [(20, 30)]


def test_it_takes_the_labels_that_prometheus_adds_into_the_name(scene):
    scene.prometheus.external = {"cluster": "eu", "severity": "none"}
    scene.rounds(0, 5)
    scene.fired(20, 30)
    scene.rounds(60, 80)
    assert scene.get(1).episodes[0].labels == {"cluster": "eu", **LABELS}


def test_it_ends_what_was_known_to_fire(scene):
    scene.send(alert(1, labels={"severity": "critical"}))
    scene.rounds(0, 5)
    scene.fired(1, 30)
    scene.rounds(60, 80)
    assert scene.intervals() == [(1, 30)]
    assert scene.get(1).events == ()


@pytest.mark.parametrize(
    "fired",
    [
        {"first": -5, "last": 30},
        {"first": -5, "last": 3},
        {"first": 20, "last": 80},
        {"first": 20, "last": 30, "severity": "info"},
        {"first": 20, "last": 30, "mttx_ignore": "true"},
    ],
    ids=["not ours before", "over before", "goes on", "ignored severity", "ignored"],
)
def test_it_opens_nothing_for_what_would_not_have_been_sent(scene, fired):
    scene.rounds(0, 5)
    scene.fired(**fired)
    scene.rounds(60, 80)
    assert scene.intervals() == []


@pytest.mark.parametrize(("until", "opens"), [(40, 0), (25, 1)])
def test_it_opens_nothing_for_what_was_silenced_all_the_time(scene, until, opens):
    sets = ((Matcher("alertname", "CheckoutErrors"),),)
    silence = Silence(id="s", made_at=at(1), author="sam", sets=sets, starts_at=at(1), ends_at=at(until))
    scene.alertmanager.held = [silence]
    scene.rounds(0, 5)
    scene.fired(20, 30)
    scene.rounds(60, 80)
    assert len(scene.intervals()) == opens


def test_it_is_a_gap_where_no_alertmanager_could_tell_us(scene):
    scene.rounds(0, 5)
    scene.alertmanager.down = True
    for minutes in range(5, 40):
        with pytest.raises(RequestFailed):
            scene.gaps.run(at(minutes))
    scene.alertmanager.down = False
    scene.fired(20, 30)
    scene.rounds(40, 60)
    assert scene.intervals() == [(20, 30)]


def test_it_reads_the_gap_later_where_prometheus_does_not_answer(scene):
    scene.rounds(0, 5)
    scene.fired(20, 30)
    scene.prometheus.down = True
    scene.rounds(60, 70)
    with pytest.raises(RequestFailed):
        scene.gaps.run(at(70))
    scene.prometheus.down = False
    scene.again()
    scene.rounds(71, 90)
    assert scene.intervals() == [(20, 30)]


def test_it_reads_no_more_than_the_lookback(scene):
    scene.rounds(0, 5)
    scene.rounds(3000, 3015)
    (_, begin, _) = scene.prometheus.asked[0]
    assert begin == at(3000 - 1440 - 10)


# --- incidents without news -------------------------------------------------------------------------------------------


def test_what_alertmanager_still_knows_is_heard_again(scene):
    scene.send(alert(0), received=0)
    scene.alertmanager.firing = ["f1"]
    scene.news.run(at(59))
    assert scene.get(1).incident.last_seen_at == at(0)
    scene.news.run(at(61))
    assert scene.get(1).incident.last_seen_at == at(61)
    assert scene.intervals() == [(0, None)]


def test_what_alertmanager_knows_no_more_ends_when_prometheus_says(scene):
    scene.send(alert(0, labels={"severity": "critical"}), received=0)
    scene.fired(0, 20)
    scene.news.run(at(61))
    assert scene.intervals() == [(0, 20)]
    assert scene.get(1).incident.resolution_source == "alerts"


def test_what_prometheus_still_fires_is_heard_again(scene):
    scene.send(alert(0, labels={"severity": "critical"}), received=0)
    scene.fired(0, 61)
    scene.news.run(at(61))
    assert scene.intervals() == [(0, None)]
    assert scene.get(1).incident.last_seen_at == at(61)


def test_what_nobody_knows_is_left_to_become_stale(scene):
    scene.send(alert(0), received=0)
    scene.news.run(at(61))
    assert scene.intervals() == [(0, None)]
    assert scene.get(1).incident.last_seen_at == at(0)


def test_it_takes_nothing_for_over_while_an_alertmanager_is_down(scene):
    scene.send(alert(0, labels={"severity": "critical"}), received=0)
    scene.fired(0, 20)
    scene.alertmanager.down = True
    with pytest.raises(RequestFailed):
        scene.news.run(at(61))
    assert scene.intervals() == [(0, None)]


def test_it_asks_nobody_where_there_was_news(scene):
    scene.open(event(EventKind.DETECTED))
    scene.alertmanager.down = True
    scene.news.run(at(600))
