"""The webhooks of declared sources: who may send, what is answered, and what is counted by field."""

import hmac
import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from service.intake.expressions import expression
from service.intake.standard_webhooks import StandardWebhooks
from service.recorder.commands import Conflict, RecordAlerts, RecordEvents
from service.settings.model import Settings
from service.settings.tokens import Token, digest
from service.web.services import Sources
from service.wiring.intake import webhook_sources
from tests.declared import SOURCES, declared
from tests.web.fakes import NOW, World, assert_problem

PAYLOADS = Path(__file__).parents[1] / "payloads"
DOWN = (PAYLOADS / "uptimekuma/good/down.json").read_bytes()
KUMA, OWN_PATH = "/webhooks/x/uptimekuma", "/webhooks/x/own"
OWN = declared(
    event="what", key="id", title="name", severity="level", events=[{"kind": "detected", "is": "opened", "at": "at"}]
)
BODY = json.dumps({"what": "opened", "id": "I-1", "at": "2026-11-23T18:04:05Z", "name": "x"}).encode()
TOKENS = (Token(name="kuma", digest=digest("a token of a sender"), scopes=frozenset({"ingest"})),)


def own_world(**services):
    return World(sources=Sources(declared=(OWN,)), **services)


def test_it_records_alerts_under_the_name_of_the_source():
    world = World(sources=SOURCES)
    response = world.post(f"{KUMA}?sender=eu", data=DOWN)
    assert (response.status_code, response.get_json()["alerts"]) == (200, 1)
    (command,) = world.recorder.commands
    assert isinstance(command, RecordAlerts)
    assert command.webhook.source == "uptimekuma"
    assert command.alerts[0].observation.source == "uptimekuma@eu"
    assert (world.counters["request", "uptimekuma"], world.counters["received", "uptimekuma"]) == (1, NOW)


def test_it_records_events_by_the_senders_key():
    world = own_world()
    assert world.post(OWN_PATH, data=BODY).get_json()["events"] == 1
    (command,) = world.recorder.commands
    assert isinstance(command, RecordEvents)
    assert command.events[0].incident_key == "I-1"


def test_a_body_of_no_interest_is_answered_200_and_records_nothing():
    world = own_world()
    response = world.post(OWN_PATH, json={"what": "commented"})
    assert (response.status_code, response.get_json()["events"], world.recorder.commands) == (200, 0, [])


def test_a_field_that_cannot_be_read_is_counted_by_its_name():
    world = own_world()
    detail = assert_problem(world.post(OWN_PATH, json={"wat": "opened"}), 400, "invalid_payload")
    assert detail == "`event` (what) is missing"
    assert world.counters["unreadable", "own", "event"] == 1
    assert world.failures() == {("own", "invalid_payload"): 1}


def test_a_field_that_an_event_can_do_without_is_counted_too():
    world = own_world()
    body = {"what": "opened", "id": "I-1", "at": "2026-11-23T18:04:05Z", "level": "strange"}
    assert world.post(OWN_PATH, json=body).status_code == 200
    assert (world.counters["unreadable", "own", "title"], world.counters["unreadable", "own", "severity"]) == (1, 1)
    assert world.failures() == {}


def test_a_time_in_the_future_is_refused_for_good():
    response = own_world().post(OWN_PATH, json={"what": "opened", "id": "I-1", "at": "2026-11-23T20:00:00Z"})
    assert_problem(response, 400, "future")


def test_an_event_that_contradicts_what_is_recorded_is_a_conflict():
    world = own_world()
    world.recorder.error = Conflict("it is merged")
    assert_problem(world.post(OWN_PATH, data=BODY), 409, "conflict")


def test_it_needs_a_token_without_secrets():
    world = own_world(tokens=TOKENS)
    assert_problem(world.post(OWN_PATH, data=BODY), 401, "unauthorized")
    assert world.post(OWN_PATH, data=BODY, headers={"Authorization": "Bearer a token of a sender"}).status_code == 200


def test_it_needs_a_signature_with_secrets():
    signing = StandardWebhooks(secrets=(b"secret",))
    world = World(sources=Sources(declared=(OWN,), signings={"own": signing}), tokens=TOKENS)
    stamp = str(int(NOW.timestamp()))
    mac = hmac.new(b"secret", f"msg_1.{stamp}.".encode() + BODY, "sha256").digest()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{b64encode(mac).decode()}",
    }
    assert world.post(OWN_PATH, data=BODY, headers=headers).status_code == 200
    assert_problem(world.post(OWN_PATH, data=BODY + b" ", headers=headers), 401, "unauthorized")
    assert_problem(world.post(OWN_PATH, data=BODY), 401, "unauthorized")
    assert_problem(
        world.post(OWN_PATH, data=BODY, headers={"Authorization": "Bearer a token of a sender"}), 401, "unauthorized"
    )


def rootly_headers(stamp, body):
    mac = hmac.new(b"a secret of a sender", stamp.encode() + body, "sha256").hexdigest()
    return {"X-Rootly-Signature": f"t={stamp},v1={mac}"}


def firehydrant_headers(_, body):
    return {"fh-signature": hmac.new(b"a secret of a sender", body, "sha256").hexdigest()}


@pytest.mark.parametrize(
    ("name", "file", "headers"),
    [("rootly", "resolved", rootly_headers), ("firehydrant", "resolved", firehydrant_headers)],
)
def test_a_shipped_declaration_knows_how_its_sender_signs(name, file, headers):
    world = World(sources=webhook_sources(Settings(sources={name: {"secrets": "a secret of a sender"}})))
    body = (PAYLOADS / name / "good" / f"{file}.json").read_bytes()
    signed = headers(str(int(NOW.timestamp())), body)
    assert world.post(f"/webhooks/x/{name}", data=body, headers=signed).status_code == 200
    assert_problem(world.post(f"/webhooks/x/{name}", data=body + b" ", headers=signed), 401, "unauthorized")


def test_the_address_decides_which_declaration_reads_a_body_that_fits_two():
    other = replace(OWN, source="other", when=expression("what == 'opened'"))
    world = World(sources=Sources(declared=(OWN, other)))
    assert [world.post(f"/webhooks/x/{name}", data=BODY).status_code for name in ("own", "other")] == [200, 200]
    assert [command.webhook.source for command in world.recorder.commands] == ["own", "other"]


def test_a_source_that_is_not_configured_has_no_address():
    assert_problem(World().post(KUMA, data=DOWN), 404)
