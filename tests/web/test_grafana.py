"""The webhook of Grafana-managed alerts: signatures, POST and PUT, what is answered to which fault."""

import hmac
from datetime import timedelta

import pytest

from service.intake.signatures import Signing
from service.intake.sources import Source
from service.recorder.commands import Busy, RecordAlerts
from service.store import StoreUnavailable
from service.store.notices import TEST
from service.web.services import Sources
from tests.intake.test_grafana import good
from tests.web.fakes import NOW, World, assert_problem

PATH = "/webhooks/grafana"
SECRET = b"the secret of the contact point"
SIGNING = Signing(secrets=(b"another", SECRET), header="X-Grafana-Alerting-Signature", timestamp_header="X-Time")


@pytest.fixture
def signed_world():
    return World(sources=Sources(signings={Source.GRAFANA: SIGNING}))


def signed(body, at=NOW, secret=SECRET):
    stamp = str(int(at.timestamp()))
    return {"X-Time": stamp, SIGNING.header: hmac.new(secret, f"{stamp}:".encode() + body, "sha256").hexdigest()}


@pytest.mark.parametrize("method", ["post", "put"])
def test_it_takes_a_notification_by_post_and_put(world, method):
    response = getattr(world.client, method)(PATH, data=good("firing"))
    assert response.get_json()["incidents"] == [{"id": "INC-1", "phase": "detected"}]
    (command,) = world.recorder.commands
    assert isinstance(command, RecordAlerts)
    assert command.webhook.source == command.alerts[0].observation.source == "grafana"
    assert world.counters["request", "grafana"] == 1


def test_it_notes_a_test_and_opens_nothing(world):
    assert world.post(PATH, data=good("test_button")).get_json()["ignored"] == 1
    (command,) = world.recorder.commands
    assert (command.alerts, command.webhook.source, command.webhook.body) == ((), TEST, good("test_button"))
    assert world.counters["ignored", "grafana", "test"] == 1


def test_it_counts_what_it_ignores(world):
    assert world.post(PATH, data=good("no_data")).get_json()["ignored"] == 1
    assert world.recorder.commands == []
    assert world.counters["ignored", "grafana", "no_data"] == 1


def test_it_takes_what_is_signed_without_a_token(signed_world):
    assert signed_world.post(PATH, data=good("firing"), headers=signed(good("firing"))).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(good("resolved")),
        signed(good("firing"), secret=b"wrong"),
        signed(good("firing"), at=NOW - timedelta(minutes=6)),
    ],
    ids=["missing", "of another body", "of another secret", "replayed"],
)
def test_it_refuses_what_is_not_signed(signed_world, headers):
    assert_problem(signed_world.post(PATH, data=good("firing"), headers=headers), 401, "unauthorized")
    assert signed_world.recorder.commands == []
    assert signed_world.failures() == {("grafana", "unauthorized"): 1}


def test_it_bounds_a_signed_body_too():
    small = World(sources=Sources(signings={Source.GRAFANA: SIGNING}), max_bytes=10)
    assert_problem(small.post(PATH, data=good("firing"), headers=signed(good("firing"))), 413, "too_large")


def test_it_refuses_a_page_of_another_site_although_signed(signed_world):
    headers = {**signed(good("firing")), "Origin": "https://elsewhere.example"}
    assert_problem(signed_world.post(PATH, data=good("firing"), headers=headers), 403, "forbidden")


@pytest.mark.parametrize("error", [Busy("full"), StoreUnavailable("locked")])
def test_it_asks_for_another_try_of_what_may_pass(world, error):
    world.recorder.error = error
    assert world.post(PATH, data=good("firing")).status_code == 503


def test_it_answers_400_for_what_can_never_be_accepted(world):
    assert_problem(world.post(PATH, data=b"[]"), 400, "wrong_version")
