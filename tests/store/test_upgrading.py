"""A database that the version before today's tables filled is upgraded, and delivery goes on where it was.

`databases/0008.json` has what the version of 28 November 2026 (schema 0008) wrote: `tables` of seven incidents, half
delivered to Slack and Grafana; `receivers`, what was in the channel and in Grafana by then; `requests`, what that same
version went on to send over the next days (with ends worded, and open incidents ordered, as today). Some messages were
sent, one was posted without an answer, one was rejected, some are pending, and others are for later; dashboards have
copies; times have milliseconds.
"""

import json
import re
from collections import Counter

import pytest
from sqlalchemy import MetaData, text

from service.domain.events import EventKind
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store, revisions
from service.store.bodies import last_received
from service.store.engine import connect
from service.store.heartbeats import last_heartbeat, record_heartbeat
from service.store.snapshot import snapshot_of
from service.wiring.delivery import build_dispatchers
from tests.builders import at, policy
from tests.delivery.site import Counters
from tests.grafana.loopback import TOKEN as GRAFANA_TOKEN
from tests.grafana.loopback import Grafana
from tests.house import House
from tests.messages.loopback import CHANNEL, TOKEN, Slack
from tests.store.earlier import DATABASES, fill, restore

STORED = json.loads((DATABASES / "0008.json").read_text(encoding="utf-8"))
STOPPED = 19 * 60 + 10
"""When the service is started again, in minutes."""


class Upgraded(House):
    """The filled database, opened by today's version, and both receivers as they were."""

    def __init__(self, url, slack, grafana):
        fill(url, "0008", STORED["tables"])
        self.slack, self.grafana = slack, grafana
        grafana.library.keep({"uid": "checkout", "title": "Checkout"}, "", "")
        restore(slack, grafana, STORED["receivers"])
        self.settings = Settings.model_validate(
            {
                "public_url": "https://mttx.example.com",
                "messages": {"language": "en"},
                "slack": {"api_url": f"{slack.url}/api", "token": TOKEN, "channel": CHANNEL, "timeout": "1s"},
                "grafana": {
                    "url": grafana.url,
                    "token": GRAFANA_TOKEN,
                    "timeout": "1s",
                    "dashboards": [{"uid": "checkout", "severities": ["SEV-2"]}],
                },
            }
        )
        self.policy = self.settings.policy()
        self.store = Store.open(url, self.policy, ("grafana", "slack"))
        self.recorder = Recorder(self.store, self.policy)
        self.now = at(STOPPED)
        self.dispatchers = build_dispatchers(self.settings, self.store, self.policy, Counters(), lambda: self.now)
        for dispatcher in self.dispatchers:
            dispatcher.random = lambda: 1.0
            self.store.outbox.resume(dispatcher.receiver.name, self.now)
            dispatcher.prepare(self.now)

    def deliver(self, minutes):
        self.now = at(minutes)
        for dispatcher in sorted(self.dispatchers, key=lambda d: d.receiver.name, reverse=True):
            while dispatcher.step():
                pass

    def requests(self):
        """What was posted and changed, in order; the receivers' answers do not count."""
        asked = {"slack": self.slack.asked, "grafana": self.grafana.asked}
        return {
            name: [[request.method, request.path, json.loads(request.body)] for request in requests if writes(request)]
            for name, requests in asked.items()
        }

    def close(self):
        for dispatcher in self.dispatchers:
            dispatcher.stop()
        super().close()


def writes(request):
    return request.method in ("POST", "PATCH", "PUT")


@pytest.fixture
def upgraded(database_url):
    with Slack() as slack, Grafana() as grafana:
        built = Upgraded(database_url, slack, grafana)
        yield built
        built.close()


def test_it_sends_what_the_version_before_would_have_sent_and_nothing_twice(upgraded):
    upgraded.deliver(STOPPED)
    upgraded.tell(1, EventKind.RESOLVED, STOPPED + 10)
    upgraded.deliver(STOPPED + 11)
    for hours in range(20, 12 * 24):
        upgraded.deliver(60 * hours + 1)
    requests = upgraded.requests()
    assert requests["slack"] == STORED["requests"]["slack"]
    assert requests["grafana"] == STORED["requests"]["grafana"]
    keys = Counter(message["metadata"]["event_payload"]["key"] for message in upgraded.slack.messages.values())
    assert set(keys.values()) == {1}


def test_its_totals_are_those_of_the_version_before(database_url):
    fill(database_url, "0008", STORED["tables"])
    store = Store.open(database_url, policy())
    names = {"mttx_postmortem_lead_time_seconds": {"draft": "draft", "final": "finalize"}}
    expected = {}
    for row in STORED["tables"]["totals"]:
        stages = names.get(row["metric"])
        name = (
            stages[row["detail"]]
            if stages
            else re.sub(r"mttx_(time_to|incidents)_(\w+)_(seconds|total)", r"\2", row["metric"])
        )
        source = "" if stages else row["detail"]
        exemplar = row["exemplar_incident"], row["exemplar_seconds"]
        expected[name, row["severity"], source, row["le"]] = (row["number"], row["seconds"], *exemplar)
    assert {
        (t.indicator, t.severity, t.resolution_source, t.le): (
            t.count,
            t.seconds,
            t.exemplar_incident,
            t.exemplar_seconds,
        )
        for t in store.read(snapshot_of, at(0), 100).totals
    } == expected
    store.close()


def test_its_heartbeat_is_that_of_the_version_before_and_no_longer_a_webhook_body(database_url):
    fill(database_url, "0008", STORED["tables"])
    store = Store.open(database_url, policy())
    assert store.read(last_heartbeat) == at(19 * 60 + 2.5)
    assert set(store.read(last_received)) == {"alertmanager"}
    store.write(record_heartbeat, at(20 * 60))
    assert store.read(last_heartbeat) == at(20 * 60)
    store.close()


def test_it_can_be_taken_back_to_the_version_before(database_url):
    fill(database_url, "0008", STORED["tables"])
    engine = connect(database_url)
    before = contents(engine)
    with engine.begin() as connection:
        revisions.command.upgrade(revisions.config(connection), "head")
        revisions.command.downgrade(revisions.config(connection), "0008")
    assert contents(engine) == before
    engine.dispose()


def contents(engine):
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: sorted(repr(sorted(row.items())) for row in connection.execute(table.select()).mappings())
            for table in (tables.tables["outbox"], tables.tables["totals"])
        } | {"bodies": sorted(map(repr, connection.execute(text("SELECT digest, source, body FROM deliveries"))))}
