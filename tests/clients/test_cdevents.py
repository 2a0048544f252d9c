"""Messages as CDEvents: valid by the schemas of the specification, and read by the official SDK of CloudEvents."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from service.clients.bearer import Secret
from service.clients.cdevents import CDEventsWebhook, cdevent
from service.clients.chat import NO_MESSAGE_ID, ChatMessage
from service.clients.errors import Reason, RequestFailed
from service.clients.http import HttpClient
from service.domain.events import EventKind
from service.intake.cdevents import parse
from service.settings.model import Settings
from service.wiring.clients import webhook

HOOK = "https://events.example.com/sink"
SOURCE = "https://mttx.example.com"
INCIDENT = {
    "id": "INC-7",
    "title": "決済が遅い <b>",
    "severity": "SEV-2",
    "state": "detected",
    "url": "https://mttx.example.com/incidents/INC-7",
    "began_at": "2026-11-23T18:04:05+00:00",
    "ended_at": None,
}
OVER = {**INCIDENT, "state": "resolved", "ended_at": "2026-11-23T18:40:05+00:00"}
SCHEMAS = Path(__file__).parents[1] / "cdevents_schemas"
NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)


def message(kind, incident=INCIDENT):
    return ChatMessage("cbdc0c92a7efc6a9", "[SEV-2] Incident", {"kind": kind, "incident": incident})


def validator(name):
    """Return a validator of one of the specification's schemas; references are relative to its address."""
    contents = [json.loads(path.read_text()) for path in SCHEMAS.rglob("*.json")]
    registry = Registry().with_resources((content["$id"], Resource.from_contents(content)) for content in contents)
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    return Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)


def client(**more):
    http = HttpClient(timeout=timedelta(seconds=1), **more)
    return CDEventsWebhook(http, Secret("the URL", lambda: HOOK), SOURCE)


@pytest.mark.parametrize(
    ("kind", "incident", "schema", "timestamp"),
    [
        ("first", INCIDENT, "incidentdetected", INCIDENT["began_at"]),
        ("again", INCIDENT, "incidentdetected", INCIDENT["began_at"]),
        ("over", OVER, "incidentresolved", OVER["ended_at"]),
        ("dismissed", OVER, "incidentresolved", OVER["ended_at"]),
        ("over", INCIDENT, "incidentresolved", INCIDENT["began_at"]),
    ],
)
def test_what_is_sent_is_valid_by_the_specifications_schemas(kind, incident, schema, timestamp):
    event = cdevent(message(kind, incident), SOURCE)
    validator(schema).validate(event)
    assert (event["context"]["timestamp"], event["subject"]["id"]) == (timestamp, "INC-7")


def test_the_schemas_refuse_what_is_not_of_them():
    event = cdevent(message("first"), SOURCE)
    assert not validator("incidentresolved").is_valid(event)
    assert not validator("incidentdetected").is_valid({**event, "more": 1})


def test_the_official_sdk_reads_it_and_so_does_our_own_webhook(requests_mock):
    sent = requests_mock.post(HOOK, status_code=202)
    assert client().post(message("over", OVER), None) == NO_MESSAGE_ID
    request = sent.last_request
    read = from_http_event(HTTPMessage(headers=dict(request.headers), body=request.body))
    assert (read.get_id(), read.get_type()) == ("cbdc0c92a7efc6a9", "dev.cdevents.incident.resolved.0.3.0")
    assert (read.get_source(), read.get_subject()) == (SOURCE, "INC-7")
    assert read.get_time() == datetime.fromisoformat(OVER["ended_at"])
    assert read.get_data() == cdevent(message("over", OVER), SOURCE)
    (keyed,) = parse(request.body, EventKind.RESOLVED, NOW).events
    assert keyed.incident_key == f"INC-7@{SOURCE}"


@pytest.mark.parametrize(
    "payload", [{"kind": "update", "incident": INCIDENT}, {"kind": "merged", "incident": OVER}, {"kind": "review"}]
)
def test_what_cdevents_has_no_word_for_is_not_sent(requests_mock, payload):
    assert client().post(ChatMessage("key", "text", payload), None) == NO_MESSAGE_ID
    assert requests_mock.call_count == 0


def test_an_answer_that_is_no_success_is_an_error(requests_mock):
    requests_mock.post(HOOK, status_code=503)
    with pytest.raises(RequestFailed) as caught:
        client().post(message("first"), None)
    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(
    ("public_url", "source"),
    [
        (SOURCE, SOURCE),
        (None, "/mttx-exporter"),
        ("https://mttx.example.com/監視", "https://mttx.example.com/%E7%9B%A3%E8%A6%96"),
    ],
)
def test_it_is_configured_by_the_format_of_the_webhook(requests_mock, public_url, source):
    requests_mock.post(HOOK)
    settings = Settings(webhook={"url": HOOK, "format": "cdevents"}, public_url=public_url)
    chat = webhook(settings.webhook, settings.public_url)
    chat.post(message("first"), None)
    chat.close()
    assert requests_mock.last_request.headers["ce-source"] == source
