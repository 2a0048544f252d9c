"""CDEvents: as the official SDK of CloudEvents sends them in both modes, leniently, and never as a person's word."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from service.domain.events import EventKind
from service.intake.cdevents import parse
from service.intake.wire import PayloadError
from service.settings.model import Settings
from service.web.services import Sources
from service.wiring.intake import webhook_sources
from tests.web.fakes import World

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
GOOD = Path(__file__).parents[1] / "payloads" / "cdevents" / "good"
DETECTED, RESOLVED = (json.loads((GOOD / f"{name}.json").read_text()) for name in ("detected", "resolved"))


def read(body, resolved_means=EventKind.RESOLVED):
    return parse(json.dumps(body).encode(), resolved_means, NOW).events


def cloud_event(cdevent):
    """Return the CloudEvent of a CDEvent, by the binding."""
    context = cdevent["context"]
    attributes = {"id": context["id"], "source": context["source"], "type": context["type"]}
    time = datetime.fromisoformat(context["timestamp"])
    more = {"subject": cdevent["subject"]["id"], "time": time, "datacontenttype": "application/json"}
    return CloudEvent(attributes={**attributes, **more, "specversion": "1.0"}, data=cdevent)


@pytest.mark.parametrize("sent", [to_binary_event, to_structured_event], ids=["binary", "structured"])
def test_it_takes_what_the_official_sdk_sends(sent):
    world = World()
    for cdevent in (DETECTED, RESOLVED):
        message = sent(cloud_event(cdevent))
        response = world.post("/webhooks/cdevents", data=message.body, headers=message.headers)
        assert (response.status_code, response.get_json()["events"]) == (200, 1), response.get_data(as_text=True)
    detected, resolved = (command.events[0] for command in world.recorder.commands)
    assert (detected.event.kind, resolved.event.kind) == (EventKind.DETECTED, EventKind.RESOLVED)
    assert detected.incident_key == resolved.incident_key == "incident-123@/monitoring/prod1"
    assert detected.event == read(DETECTED)[0].event


def test_an_event_has_what_the_cdevent_says_and_no_severity():
    (keyed,) = read(DETECTED)
    event = keyed.event
    assert (event.title, event.severity) == ("Response time above threshold of 100ms", None)
    assert event.labels == {"environment": "prod1", "service": "myApp"}
    assert event.data == {"incident_key": "incident-123@/monitoring/prod1"}


def test_a_reported_incident_is_detected_and_has_its_ticket():
    (keyed,) = read(json.loads((GOOD / "reported.json").read_text()))
    assert keyed.event.kind is EventKind.DETECTED
    assert keyed.event.labels["ticket"] == "https://example.issues.com/ticket123"


@pytest.mark.parametrize("kind", [EventKind.RESOLVED, EventKind.ACKNOWLEDGED])
def test_what_resolved_means_is_configured_and_always_an_automations_word(kind):
    settings = Settings(cdevents={"resolved": kind})
    (keyed,) = read(RESOLVED, webhook_sources(settings).resolved_cdevent)
    assert (keyed.event.kind, keyed.event.automated, keyed.event.title) == (kind, True, None)
    assert Sources().resolved_cdevent is EventKind.RESOLVED


def test_an_incident_is_that_of_its_subjects_source_else_of_the_events():
    own = {**DETECTED, "subject": {"id": "incident-123"}}
    (keyed,) = read(own)
    assert keyed.incident_key == "incident-123@/monitoring/prod1"
    (keyed,) = read({**own, "context": {**DETECTED["context"], "source": None}})
    assert keyed.incident_key == "incident-123@"
    (keyed,) = read({**DETECTED, "subject": {"id": "incident-123", "source": None}})
    assert keyed.incident_key == "incident-123@/monitoring/prod1"
    (keyed,) = read({**DETECTED, "subject": {"id": "incident-123", "source": "/" * 1000}})
    assert len(keyed.incident_key) < 400


def test_the_same_event_is_the_same_whatever_its_id():
    other = {**DETECTED, "context": {**DETECTED["context"], "id": "another", "specversion": "0.6.0"}}
    assert read(other)[0].event.event_id == read(DETECTED)[0].event.event_id


@pytest.mark.parametrize(
    "content", [{"description": " "}, {"description": 1, "service": "x", "environment": {"id": 1}}, None]
)
def test_what_is_not_needed_may_be_anything(content):
    (keyed,) = read({**DETECTED, "subject": {"id": "incident-123", "content": content}})
    assert (keyed.event.title, keyed.event.labels) == (None, {})


@pytest.mark.parametrize(
    "kind", ["incident.deleted.0.1.0", "ticket.created.0.2.0", "build.finished.0.3.0", "incident.x"]
)
def test_what_is_not_about_incidents_is_of_no_interest(kind):
    assert read({"context": {"type": f"dev.cdevents.{kind}", "timestamp": "soon"}}) == ()


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5)
)
def test_it_raises_nothing_but_its_own_error(value):
    for body in (
        value,
        {**DETECTED, "subject": value},
        {**DETECTED, "context": value},
        {"data": value},
        {"data_base64": value},
    ):
        try:
            read(body)
        except PayloadError:
            continue


def test_an_envelope_may_have_its_data_in_base64():
    (keyed,) = read(json.loads((GOOD / "structured-base64.json").read_text()))
    assert keyed == read(DETECTED)[0]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"data_base64": "%"}, "#/data_base64"),
        ({"data_base64": "e30x"}, "JSON"),
        ({"type": "x", "data": "text"}, "#/context"),
        ({**DETECTED, "context": {"type": "com.example.made", "timestamp": "x"}}, "#/context/type"),
        ({"data": {**DETECTED, "context": {**DETECTED["context"], "timestamp": "soon"}}}, "#/data/context/timestamp"),
        ({"data": {**DETECTED, "subject": {}}}, "#/data/subject/id"),
    ],
)
def test_it_says_where_a_body_is_wrong(body, where):
    with pytest.raises(PayloadError, match=where):
        read(body)
