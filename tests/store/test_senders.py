"""Independent senders: the groups and alerts of one are not another's, and switching a name on loses nothing."""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.events import EventKind, KeyedEvent
from service.domain.senders import named_alias
from service.recorder.commands import CloseStale, RecordEvents
from service.store.statements import Read
from tests.builders import alert, at, delivery, event
from tests.house import House, listed, minutes
from tests.store.conftest import ENGINES

EXAMPLES = {"sqlite": 120, "postgresql": 30}
HOUR = 60


def sources(house):
    return sorted(row[0] for row in house.rows("select source from episodes"))


def test_two_clusters_with_the_same_alert_are_two_incidents(house):
    assert house.send(alert(0, sender="eu")) == [1]
    assert house.send(alert(1, sender="us")) == [2]
    house.send(alert(0, 10, sender="eu"))
    assert house.intervals() == [(0, 10), (1, None)]
    assert sources(house) == ["alertmanager@eu", "alertmanager@us"]


def test_without_names_they_are_one(house):
    house.send(alert(0, peer="http://eu"))
    house.send(alert(1, peer="http://us"))
    house.send(alert(0, 10, peer="http://eu"))
    assert house.intervals() == [(0, 10)]


def test_the_peers_of_one_cluster_are_one_sender(house):
    house.send(alert(0, sender="eu", peer="http://a"))
    house.send(alert(0, sender="eu", peer="http://b"))
    house.send(alert(0, 10, sender="eu", peer="http://b"))
    assert house.intervals() == [(0, 10)]


def test_it_separates_the_groups_of_different_alerts(house):
    house.send(alert(0, fingerprint="f1", sender="eu"))
    house.send(alert(0, fingerprint="f2", sender="us"))
    house.send(alert(0, fingerprint="f3", sender="eu"))
    assert house.intervals() == [(0, None), (0, None)]


def test_switching_a_name_on_loses_nothing_and_doubles_nothing(house):
    """The alerts of an open incident come again with the name, one has cleared meanwhile, another joins the group."""
    house.send(alert(0, fingerprint="f1"), alert(2, fingerprint="f2"))
    house.send(alert(2, 20, fingerprint="f2"))
    house.send(alert(0, fingerprint="f1", sender="eu"), alert(30, fingerprint="f3", sender="eu"), received=700)
    assert house.intervals() == [(0, None)]
    house.send(alert(0, 40, fingerprint="f1", sender="eu"), alert(30, 35, fingerprint="f3", sender="eu"), received=710)
    assert house.intervals() == [(0, 40)]
    assert sources(house) == ["alertmanager", "alertmanager@eu", "alertmanager@eu"]
    opened = [n for (indicator, *_), n in house.counters().items() if indicator == "opened"]
    assert opened == [1]
    house.send(alert(41, fingerprint="f1", sender="us"))
    assert house.intervals() == [(0, 40), (41, None)]


def test_the_second_of_two_clusters_that_shared_an_incident_opens_its_own(house):
    house.send(alert(0))
    house.send(alert(0, sender="eu"), received=601)
    house.send(alert(0, sender="us"), received=602)
    assert house.intervals() == [(0, None), (0, None)]
    house.send(alert(0, 9, sender="us"), received=603)
    assert house.intervals() == [(0, 9), (0, None)]


def test_an_alert_of_the_group_that_came_with_the_name_before_is_the_same_incident(house):
    house.send(alert(0, fingerprint="f1"))
    house.send(alert(5, fingerprint="f2", sender="eu"))
    assert house.intervals() == [(0, None), (5, None)]
    house.send(alert(0, fingerprint="f1", sender="eu"))
    assert house.intervals() == [(0, None)]


def test_an_end_of_the_event_recorder_ends_the_firing_of_its_own_sender_only(house):
    house.send(alert(0, sender="eu"))
    house.send(alert(0, sender="us"))
    house.send(alert(8, 8, group="", sender="us"))
    assert house.intervals() == [(0, 8), (0, None)]


def test_an_end_of_the_event_recorder_adopts_what_has_no_name_yet(house):
    house.send(alert(0))
    house.send(alert(8, 8, group="", sender="eu"))
    assert house.intervals() == [(0, 8)]


def test_an_end_that_came_first_waits_for_the_firing_without_a_name(house):
    assert house.send(alert(8, 8, group="", sender="eu")) == []
    house.send(alert(0))
    assert house.intervals() == [(0, 8)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 1, 3, 2)])
def test_an_end_that_waits_is_first_of_all_its_own_sender_s(house, order):
    """The sender's firing ended long before the other one began, so that only its end would be looked at."""
    reports = [alert(0, 10), alert(50, 50, sender="eu"), alert(40), alert(0, sender="eu")]
    for place in order:
        house.send(reports[place], received=600 + place)
    assert house.intervals() == [(0, 10), (40, None)]


def test_an_adopted_firing_that_nobody_speaks_of_any_more_becomes_stale(house):
    house.send(alert(0), received=1)
    house.send(alert(0, sender="eu"), received=2)
    house.submit(CloseStale(at(25 * HOUR)))
    assert house.get(1).incident.resolution_source == "stale"
    house.send(alert(0, sender="eu"), received=26 * HOUR)
    assert house.intervals() == [(0, None)]


@dataclass(frozen=True)
class Sent:
    """One report; times in minutes. Each has a time of receipt of its own, which travels with it.

    None comes twice: what a repeat takes back, `test_order` holds.
    """

    sender: str
    peer: str
    name: str
    starts: int
    ends: int | None
    received: int

    def alert(self):
        return alert(self.starts, self.ends, fingerprint=self.name, sender=self.sender, peer=self.peer)


REPORTS = [
    Sent("", "b", "f1", 0, None, 601),
    Sent("eu", "b", "f1", 4, 10, 602),
    Sent("", "b", "f1", 0, None, 603),
    Sent("eu", "a", "f1", 0, None, 600),
]
"""The first one's sender takes back the end that it reported with its name; a peer says whose firing it was."""


@pytest.mark.parametrize("order", [(3, 0, 1, 2), (0, 3, 1, 2), (0, 1, 3, 2), (0, 1, 2, 3)])
def test_what_a_sender_takes_back_it_takes_back_with_and_without_its_name(house, order):
    for place in order:
        house.send(REPORTS[place].alert(), received=REPORTS[place].received)
    assert house.intervals() == [(0, None)]


def test_a_person_s_events_stay_with_an_adopted_incident(house):
    house.send(alert(0))
    house.tell(1, EventKind.ACKNOWLEDGED, 3)
    house.send(alert(0, sender="eu"))
    assert house.get(1).incident.milestones["acknowledged"] == at(3)


def page(house, key, alias):
    """What PagerDuty tells of one of its incidents."""
    triggered = event(EventKind.DETECTED, 1, event_id=f"{key}-detected", source="pagerduty")
    command = RecordEvents((KeyedEvent(key, triggered, (alias,)),), delivery(600, key.encode(), source="pagerduty"))
    return house.submit(command)[0].incident_id


def test_a_page_belongs_to_the_alerts_of_its_own_sender(house):
    """Both groups have the same key, and so the same digest."""
    (eu,) = house.send(alert(0, sender="eu", aliases=("digest",)))
    (us,) = house.send(alert(0, sender="us", aliases=("digest",)))
    assert page(house, "P1", named_alias("digest", "us")) == us
    assert page(house, "P2", named_alias("digest", "eu")) == eu
    assert page(house, "P3", "digest") not in (eu, us)


def test_it_asks_a_fixed_number_of_questions_however_many_senders_there_are(house, count_reads):
    house.send(alert(0, sender="s0"))
    with count_reads() as few:
        house.send(alert(0, fingerprint="f2", sender="s0"))
    for number in range(1, 20):
        house.send(alert(0, sender=f"s{number}"))
    with count_reads() as many:
        house.send(alert(0, fingerprint="f3", sender="s0"))
    assert len(many) == len(few)


@pytest.fixture
def count_reads(monkeypatch):
    """Give a context manager that lists what is read of the database."""

    @contextmanager
    def counted():
        reads, rows = [], Read.rows

        def noting(self, connection, **parameters):
            reads.append(self)
            return rows(self, connection, **parameters)

        with monkeypatch.context() as patch:
            patch.setattr(Read, "rows", noting)
            yield reads

    return counted


def in_some_order(sent, ranks):
    """The reports by the order of the ranks; what one Alertmanager reports of one alert keeps its own order."""
    waiting = {(s.name, s.peer): [o for o in sent if (o.name, o.peer) == (s.name, s.peer)] for s in sent}
    places = sorted(range(len(sent)), key=lambda i: ranks[i])
    return [waiting[sent[i].name, sent[i].peer].pop(0) for i in places]


ADOPTERS = {"f1": "eu", "f2": "us", "f3": "eu"}
"""Who names each alert: of two the order of recording may matter (docs/definitions.md, "Order")."""


@st.composite
def two_orders(draw):
    report_ = st.builds(
        Sent,
        sender=st.sampled_from(["", "name"]),
        peer=st.sampled_from("abcd"),
        name=st.sampled_from(["f1", "f1", "f1", "f2", "f3"]),
        starts=st.sampled_from([0, 0, 4, 40, 50]),
        ends=st.sampled_from([None, None, 10, 50]),
        received=st.just(0),
    )
    reports = draw(st.lists(report_, min_size=2, max_size=7, unique=True))
    sent = [replace(s, sender=s.sender and ADOPTERS[s.name]) for s in reports]
    sent = [replace(s, received=600 + i) for i, s in enumerate(sent) if s.ends is None or s.ends >= s.starts]
    return sent, in_some_order(sent, draw(st.permutations(range(len(sent)))))


def incidents(house):
    """All incidents with their firings, without their numbers."""
    owners = []
    for line in listed(house.store):
        record = house.get(line.id)
        assert (line.milestones, line.phase) == (record.incident.milestones, record.incident.phase)
        fired = [(e.source, e.fingerprint, minutes(e.starts_at), e.ends_at, e.end_unknown) for e in record.episodes]
        owners.append((sorted(fired, key=repr), record.incident.milestones, line.phase))
    return sorted(owners, key=repr)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", ENGINES)
def test_whose_firing_it_is_does_not_depend_on_the_order_of_the_reports(new_database, engine):
    check(new_database(engine), EXAMPLES[engine], derandomize=True)


@pytest.mark.torture
def test_whose_firing_it_is_does_not_depend_on_the_order_of_very_many_reports(new_database):
    check(new_database("sqlite"), 20_000)


def check(database, examples, *, derandomize=False):
    """Play sets of reports in two orders each, and hold the incidents against each other."""
    house = House(database)

    @settings(max_examples=examples, derandomize=derandomize, deadline=None, suppress_health_check=list(HealthCheck))
    @given(two_orders())
    def hold(orders):
        results = []
        for order in orders:
            house.empty()
            for sent in order:
                house.send(sent.alert(), received=sent.received)
            results.append(incidents(house))
        assert results[0] == results[1]

    try:
        hold()
    finally:
        house.close()
