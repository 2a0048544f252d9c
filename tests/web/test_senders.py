"""Which independent sender a webhook is from: by its address, or by its token, and what is said of a wrong name."""

import hmac
import json
import re
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from service.domain.silences import People
from service.intake.alerts import AlertParseOptions
from service.intake.lifecycle import EventParseOptions
from service.intake.signatures import Signing
from service.intake.sources import Source
from service.settings.tokens import Token, digest
from service.settings.values import SENDER_ADVICE
from service.store.notices import UNMAPPED
from service.web.services import Sources
from tests.house import House
from tests.intake import test_alertmanager_events, test_grafana, test_pagerduty
from tests.web.fakes import World, assert_problem
from tests.web.test_alertmanager_events import FIRING as CHECKOUT_DOWN
from tests.web.test_webhooks import EVENT, FIRING, firing

BODIES = {
    "/webhooks/alertmanager": FIRING,
    "/webhooks/alertmanager-events": test_alertmanager_events.good("alert_resolved"),
    "/webhooks/grafana": test_grafana.good("firing"),
    "/webhooks/pagerduty": test_pagerduty.good("acknowledged"),
    "/webhooks/lifecycle": json.dumps({**EVENT, "labels": {"outage": "x"}}).encode(),
}
ALERTS = [path for path in BODIES if path not in ("/webhooks/pagerduty", "/webhooks/lifecycle")]
TEXT = "ingest-token-12345"
OF_EU = Token("eu", frozenset({"ingest"}), digest(TEXT), "eu")
BEARER = {"Authorization": f"Bearer {TEXT}"}
WRONG = ["", "EU", "e u", "eu@1", "a" * 41, "%00", "eu%0a", "\u65e5\u672c"]


@pytest.fixture
def world():
    return World(clock=lambda: datetime(2026, 11, 24, 0, 20, tzinfo=UTC))


def posted(world, path, query="?sender=eu", **options):
    assert world.post(f"{path}{query}", data=BODIES[path], **options).status_code == 200
    return world.recorder.commands[-1]


@pytest.mark.parametrize("path", ALERTS)
def test_the_address_names_the_sender(world, path):
    (alert,) = posted(world, path).alerts
    source = path.rpartition("/")[2].partition("-")[0]
    assert alert.observation.source == f"{source}@eu"
    (alert,) = posted(world, path, "").alerts
    assert alert.observation.source == source


@pytest.mark.parametrize("path", ALERTS)
def test_metrics_and_raw_bodies_know_the_source_without_its_sender(world, path):
    command = posted(world, path)
    assert "@" not in command.webhook.source
    assert not [key for key in world.counters if any("@" in str(part) for part in key)]


@pytest.mark.parametrize("path", ALERTS)
def test_a_token_names_the_sender_and_the_address_wins(path):
    world = World(tokens=(OF_EU,), clock=lambda: datetime(2026, 11, 24, 0, 20, tzinfo=UTC))
    (alert,) = posted(world, path, "", headers=BEARER).alerts
    assert alert.observation.source.endswith("@eu")
    (alert,) = posted(world, path, "?sender=us", headers=BEARER).alerts
    assert alert.observation.source.endswith("@us")


def test_a_signed_body_has_the_sender_of_its_address():
    signing = Signing(secrets=(b"secret",), header="X-Grafana-Alerting-Signature")
    world = World(sources=Sources(signings={Source.GRAFANA: signing}), tokens=(OF_EU,))
    path = "/webhooks/grafana"
    headers = {signing.header: hmac.new(b"secret", BODIES[path], "sha256").hexdigest()}
    (alert,) = posted(world, path, "?sender=us", headers=headers).alerts
    assert alert.observation.source == "grafana@us"
    (alert,) = posted(world, path, "", headers=headers).alerts
    assert alert.observation.source == "grafana"


@pytest.mark.parametrize("sender", WRONG)
@pytest.mark.parametrize("path", BODIES)
def test_it_says_what_is_wrong_with_a_name(world, path, sender):
    response = world.post(f"{path}?sender={sender}", data=BODIES[path])
    detail = assert_problem(response, 400, "invalid_payload")
    assert detail == f"The query cannot be read. sender: {SENDER_ADVICE}"
    assert world.recorder.commands == []


def test_the_longest_name_fits_into_the_database(tmp_path):
    house = House(tmp_path / "mttx.db")
    try:
        world = World(recorder=house.recorder, store=house.store)
        assert world.post(f"/webhooks/alertmanager?sender={'a' * 40}", data=FIRING).status_code == 200
        assert [len(row[0]) for row in house.rows("select source from episodes")] == [len("alertmanager@") + 40]
    finally:
        house.close()


def test_the_digest_of_a_group_is_that_of_its_sender():
    """PagerDuty's incidents are of the alerts of the sender that its own webhook names."""
    world = World(
        alerts=AlertParseOptions(by_group_key=True),
        events=EventParseOptions(zone=UTC, new_id=lambda: "new", correlation_label="outage"),
    )
    own = sha256(json.loads(FIRING)["groupKey"].encode()).hexdigest()
    (alert,) = posted(world, "/webhooks/alertmanager").alerts
    assert alert.aliases == (f"@eu:{own}",)
    (plain,) = test_pagerduty.read(BODIES["/webhooks/pagerduty"])[0].aliases
    (event, *_) = posted(world, "/webhooks/pagerduty").events
    assert event.aliases == (f"@eu:{plain}",)
    (event,) = posted(world, "/webhooks/lifecycle").events
    assert event.aliases == ("@eu:outage=x",)


def test_the_same_unmapped_alert_of_two_senders_is_two(world):
    for sender in ("eu", "us", "eu"):
        body = firing({"labels": {"alertname": "A", "severity": "urgent"}})
        world.post(f"/webhooks/alertmanager?sender={sender}", json=body)
    noted = {note.body for command in world.recorder.commands for note in command.notes if note.source == UNMAPPED}
    assert len(noted) == 2


@pytest.fixture
def real(tmp_path):
    house = House(tmp_path / "mttx.db")
    sources = Sources(people=People(authors=re.compile(".")))
    clock = datetime(2026, 11, 24, 0, 20, tzinfo=UTC)
    world = World(recorder=house.recorder, store=house.store, sources=sources, clock=lambda: clock)
    world.house = house
    yield world
    house.close()


def test_a_silence_acknowledges_what_its_own_sender_reported(real):
    for sender in ("eu", "us"):
        real.post(f"/webhooks/alertmanager?sender={sender}", json=CHECKOUT_DOWN)
    answer = real.post(
        "/webhooks/alertmanager-events?sender=us", data=test_alertmanager_events.good("silence_created")
    ).get_json()
    assert [incident["id"] for incident in answer["incidents"]] == ["INC-2"]
    (event,) = [e for e in real.house.get(2).events if e.kind == "acknowledged"]
    assert event.source == "alertmanager@us"


def test_the_pages_and_the_api_say_which_sender_it_was(real):
    real.post("/webhooks/alertmanager?sender=eu", json=CHECKOUT_DOWN)
    (alert,) = real.client.get("/api/v1/incidents/INC-1").get_json()["alerts"]
    assert alert["source"] == "alertmanager@eu"
    assert "alertmanager@eu" in real.client.get("/incidents/INC-1").get_data(as_text=True)
    entries = real.client.get("/api/v1/incidents/INC-1/timeline").get_json()["entries"]
    assert [entry["alert"]["source"] for entry in entries if entry["alert"]] == ["alertmanager@eu"]
