"""The webhook of PagerDuty: signatures, and answers that its retry rules can live with."""

import hmac

import pytest

from service.intake.signatures import Signing
from service.intake.sources import Source
from service.recorder.commands import Busy, Conflict, RecordEvents
from service.settings.tokens import Token, digest
from service.store import StoreUnavailable
from service.web.services import Sources
from tests.intake.test_pagerduty import CORPUS, good
from tests.web.fakes import World, assert_problem

PATH = "/webhooks/pagerduty"
OLD, NEW = b"the old secret", b"the new secret"
SIGNING = Signing(secrets=(NEW, OLD), header="X-PagerDuty-Signature", prefix="v1=")


@pytest.fixture
def signed_world():
    return World(sources=Sources(signings={Source.PAGERDUTY: SIGNING}))


def signed(body, *secrets):
    return {SIGNING.header: ",".join(f"v1={hmac.new(secret, body, 'sha256').hexdigest()}" for secret in secrets)}


def test_it_records_an_event_by_pagerdutys_own_id(world):
    response = world.post(PATH, data=good("acknowledged"))
    assert response.status_code == 200
    assert response.get_json() == {"incidents": [{"id": "INC-1", "phase": "detected"}], "events": 2, "repeated": 0}
    (command,) = world.recorder.commands
    assert isinstance(command, RecordEvents)
    assert command.webhook.source == "pagerduty"
    assert command.events[0].incident_key == "PGR0VU2"
    assert len(command.events[0].aliases) == 1


@pytest.mark.parametrize("secrets", [(NEW,), (OLD,), (b"?", OLD)], ids=["new", "old", "one of two"])
def test_it_takes_any_signature_while_secrets_are_replaced(signed_world, secrets):
    response = signed_world.post(PATH, data=good("triggered"), headers=signed(good("triggered"), *secrets))
    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, signed(good("resolved_by_a_person"), NEW), signed(good("triggered"), b"wrong")],
    ids=["missing", "of another body", "wrong"],
)
def test_it_refuses_what_is_not_signed(signed_world, headers):
    assert_problem(signed_world.post(PATH, data=good("triggered"), headers=headers), 401, "unauthorized")
    assert signed_world.recorder.commands == []


def test_a_body_with_other_whitespace_is_another_body(signed_world):
    headers = signed(good("triggered"), NEW)
    assert signed_world.post(PATH, data=good("triggered") + b"\n", headers=headers).status_code == 401


def test_it_asks_for_a_token_where_no_secret_is_configured():
    token = Token("pagerduty", frozenset({"ingest"}), digest("0123456789abcdef"))
    world = World(tokens=(token,))
    assert_problem(world.post(PATH, data=good("triggered")), 401, "unauthorized")
    headers = {"Authorization": "Bearer 0123456789abcdef"}
    assert world.post(PATH, data=good("triggered"), headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["of_no_interest", "of_a_service", "ping", "role_unassigned"])
def test_it_answers_202_for_what_is_of_no_interest(world, name):
    assert world.post(PATH, data=good(name)).status_code == 202
    assert world.recorder.commands == []
    assert world.failures() == {}


@pytest.mark.parametrize("name", ["invalid_payload--incident_without_id", "future--occurred_at"])
def test_it_never_has_pagerduty_drop_the_subscription_for_what_it_cannot_read(world, name):
    response = world.post(PATH, data=(CORPUS / "bad" / f"{name}.json").read_bytes())
    assert response.status_code == 202
    assert world.failures() == {("pagerduty", name.partition("--")[0]): 1}


def test_it_answers_202_where_the_incident_does_not_allow_it(world):
    world.recorder.error = Conflict("INC-1 is dismissed")
    assert world.post(PATH, data=good("acknowledged")).status_code == 202
    assert world.failures() == {("pagerduty", "conflict"): 1}


@pytest.mark.parametrize("error", [Busy("full"), StoreUnavailable("locked")])
def test_it_answers_503_for_what_may_pass_so_that_pagerduty_tries_again(world, error):
    world.recorder.error = error
    assert world.post(PATH, data=good("acknowledged")).status_code == 503


@pytest.mark.parametrize("body", [b"", b"[]", (CORPUS / "bad" / "wrong_version--version_2.json").read_bytes()])
def test_it_answers_400_where_it_is_not_pagerduty_who_speaks(world, body):
    assert world.post(PATH, data=body).status_code == 400
