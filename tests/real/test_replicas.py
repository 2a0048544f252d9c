"""Several replicas on one PostgreSQL: webhooks anywhere, the same numbers everywhere, and every annotation once."""

import itertools
import random
import threading
import time
from collections import Counter

import pytest

from tests.grafana.loopback import KINDS, TOKEN, Grafana
from tests.postgresql import PostgreSQL, installed
from tests.real.http import request
from tests.real.processes import until
from tests.real.servers import Exporter
from tests.real.storms import assert_kept, notification, storm

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server(pooled):
    """A PostgreSQL of our own: here it is stopped and killed. It syncs, as it would for anybody."""
    if installed() is None:
        pytest.skip("PostgreSQL is not installed here (make servers)")
    made = pooled(PostgreSQL(fsync="on", full_page_writes="on").start())
    yield made
    made.remove()


@pytest.fixture
def grafana():
    with Grafana(**KINDS["10.1"]) as running:
        yield running


@pytest.fixture
def replicas(server, grafana, start, tmp_path):
    """Three replicas that start at the same moment on an empty database."""
    config = {"grafana": {"url": grafana.url, "token": TOKEN}}
    url = server.new_database()
    made = [Exporter(tmp_path / f"replica-{n}", config, database_url=url) for n in range(3)]
    for replica in made:
        replica.launch()
    for replica in made:
        start(Started(replica))
    return made


class Started:
    """A server that was launched already; what starts servers waits for it and stops it."""

    def __init__(self, server):
        self.server = server
        self.name = server.name
        self.tail = server.tail
        self.stop = server.stop

    def start(self):
        self.server.wait_until_ready()
        return self


def shared_numbers(replica):
    """Return what must be the same on every replica: all that is read from the database."""
    own = (
        "mttx_webhook",
        "mttx_last_webhook",
        "mttx_alerts_",
        "mttx_store",
        "mttx_build",
        "mttx_queue",
        "mttx_outbox_",
    )
    text = request("GET", f"{replica.url}/metrics").expect(200).body.decode()
    lines = [line for line in text.splitlines() if line.startswith("mttx_") and not line.startswith(own)]
    return {line for line in lines if "scrape" not in line and "_recorder_" not in line}


def sent_until_taken(body, replicas):
    """Post as Alertmanager does: again and again, to whoever answers, until somebody says 2xx."""
    for replica in itertools.chain.from_iterable(itertools.repeat(random.sample(replicas, len(replicas)), 600)):
        try:
            answer = replica.post("/webhooks/alertmanager", body)
        except OSError:
            continue
        if answer.status == 200:
            return answer.json()["incidents"]
        assert answer.status == 503, answer.body
        time.sleep(0.1)
    raise AssertionError("nobody took it")


def test_one_story_whoever_hears_it(replicas, grafana):
    """All replicas report the same groups at once, twice each: one incident of each, everywhere, annotated once."""
    notifications = [notification(f"group-{n}") for n in range(20)]
    ids = []

    def tell(replica):
        for body in random.sample(notifications * 2, len(notifications) * 2):
            ids.extend(incident["id"] for incident in sent_until_taken(body, [replica]))

    threads = [threading.Thread(target=tell, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(Counter(ids).values()) == [6] * 20
    numbers = [shared_numbers(replica) for replica in replicas]
    assert numbers[0] == numbers[1] == numbers[2]
    assert [len(replica.incidents()) for replica in replicas] == [20, 20, 20]
    until(lambda: replicas[0].get_metrics().total("mttx_outbox_pending") == 0, "an outbox that is empty")
    tags = [next(tag for tag in row["tags"] if tag.startswith("mttx-item")) for row in grafana.annotated()]
    assert len(tags) == len(set(tags)) == 20


def test_a_killed_replica_loses_nothing(replicas):
    killed, *others = replicas
    blown = []
    for _ in range(4):
        with storm(killed) as first, storm(others[0]) as second:
            until(lambda first=first: len(first.answered) > 5, "some answers")
            killed.kill()
            enough = len(second.answered) + 20
            until(lambda second=second, enough=enough: len(second.answered) > enough, "the others to go on")
        blown += [first, second]
        killed.start()
    assert_kept(others[1], blown)
    numbers = [shared_numbers(replica) for replica in replicas]
    assert numbers[0] == numbers[1] == numbers[2]


def test_a_database_that_went_away_loses_nothing(replicas, server):
    """Crashed in the middle of a storm: 503 while it is gone, and all that was answered 2xx is there."""
    taken = {}

    def tell(worker):
        for n in range(30):
            token = f"away-{worker}-{n}"
            (incident,) = sent_until_taken(notification(token), replicas)
            taken[token] = incident["id"]

    threads = [threading.Thread(target=tell, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(taken) > 10, "some answers")
    server.stop("immediate")
    time.sleep(1)
    server.start()
    for thread in threads:
        thread.join(180)
    assert len(taken) == len(set(taken.values())) == 180
    assert len(replicas[0].incidents()) == 180
    assert replicas[2].get_metrics().total("mttx_incidents_opened_total") == 180
