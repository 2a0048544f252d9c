"""PagerDuty's body into events, kind by kind."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.domain.policy import Severity
from service.domain.severity_rules import PRIORITY_MAP
from service.intake.pagerduty import parse
from service.intake.wire import PayloadError

CORPUS = Path(__file__).parents[1] / "payloads" / "pagerduty"
NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)


def good(name):
    return (CORPUS / "good" / f"{name}.json").read_bytes()


def read(raw, priorities=PRIORITY_MAP):
    """The keyed events of a body; one that cannot be read is raised."""
    parsed = parse(raw, priorities, NOW)
    for error in parsed.unreadable:
        raise error
    return parsed.events


def events(raw, priorities=PRIORITY_MAP):
    return [keyed.event for keyed in read(raw, priorities)]


def the_event(name, priorities=PRIORITY_MAP):
    """The event of a body, behind the detection that every body of an incident carries."""
    *opened, event = events(good(name), priorities)
    assert [opening.event_id for opening in opened] in ([], ["pagerduty-PGR0VU2"])
    return event


def changed(name, **fields):
    """A good body whose `data` has other fields."""
    payload = json.loads(good(name))
    payload["event"]["data"] |= fields
    return json.dumps(payload).encode()


@pytest.mark.parametrize("path", sorted((CORPUS / "good").glob("*.json")), ids=lambda path: path.stem)
def test_it_reads_every_good_body_as_of_the_incident(path):
    for keyed in read(path.read_bytes()):
        assert keyed.incident_key == "PGR0VU2"
        assert (keyed.event.source, keyed.event.event_id[:10]) == ("pagerduty", "pagerduty-")


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("acknowledged", "acknowledged", {}),
        ("acknowledged_by_a_workflow", "acknowledged", {"automated": True}),
        ("unacknowledged", "note", {"text": "PagerDuty: no longer acknowledged"}),
        ("resolved_by_a_person", "resolved", {}),
        ("resolved_by_its_alerts", "resolved", {"resolution_source": "alerts"}),
        ("reopened", "reopened", {}),
        ("priority_updated", "severity_changed", {}),
        ("annotated", "note", {"text": "Rolling back"}),
        ("role_assigned", "role_assigned", {"role": "commander", "name": "User 123"}),
        ("merged", "merged", {"into_key": "PT4KHLK", "text": "PagerDuty: merged into PT4KHLK"}),
        ("merged_somewhere", "dismissed", {"text": "PagerDuty: merged into another incident"}),
    ],
)
def test_it_maps_events(name, kind, data):
    event = the_event(name)
    assert (event.kind, event.data) == (kind, {"incident_key": "PGR0VU2", **data})
    assert event.occurred_at.isoformat() == json.loads(good(name))["event"]["occurred_at"].replace("Z", "+00:00")


def test_it_detects_at_the_creation_with_title_and_severity():
    event = the_event("triggered")
    assert event.kind == "detected"
    assert event.occurred_at == datetime(2026, 11, 23, 18, 5, tzinfo=UTC)
    assert event.title == "Checkout error rate high."
    assert event.severity is Severity.SEV_1


@pytest.mark.parametrize(
    "name",
    ["of_no_interest", "of_a_service", "ping", "priority_taken_away", "role_unassigned", "annotated_with_nothing"],
)
def test_it_makes_nothing_of_what_is_of_no_interest(name):
    assert read(good(name)) == ()


def test_it_maps_priorities_as_configured_and_leaves_others_open():
    assert the_event("priority_updated").severity is Severity.SEV_2
    assert the_event("triggered", priorities={"p1": Severity.SEV_3}).severity is Severity.SEV_3
    assert the_event("triggered", priorities={}).severity is None
    assert the_event("without_priority").severity is None


def test_it_takes_the_time_of_the_event_without_one_of_the_creation():
    body = json.loads(good("triggered"))
    body["event"]["data"]["created_at"] = None
    (event,) = events(json.dumps(body).encode())
    assert event.occurred_at.microsecond == 412000


def test_every_event_tells_since_when_the_incident_is_there():
    opened, _ = events(good("acknowledged"))
    assert (opened.kind, opened.occurred_at) == ("detected", datetime(2026, 11, 23, 18, 5, tzinfo=UTC))
    body = json.loads(good("acknowledged"))
    del body["event"]["data"]["created_at"]
    assert len(events(json.dumps(body).encode())) == 1


@pytest.mark.parametrize("name", ["triggered", "acknowledged", "unacknowledged", "resolved_by_a_person", "reopened"])
def test_every_event_of_an_incident_carries_title_and_severity(name):
    event = events(changed(name, title="Checkout is down", priority={"summary": "P2"}))[-1]
    assert (event.title, event.severity) == ("Checkout is down", Severity.SEV_2)


@pytest.mark.parametrize("agent", [None, {"type": "service_reference"}, {"type": "inbound_integration_reference"}, {}])
def test_an_agent_that_is_no_person_is_an_automation(agent):
    payload = json.loads(good("acknowledged"))
    payload["event"]["agent"] = agent
    assert events(json.dumps(payload).encode())[-1].data["automated"] is True
    del payload["event"]["agent"]
    assert events(json.dumps(payload).encode())[-1].data["automated"] is True


@pytest.mark.parametrize("odd", [None, 3, [], {"summary": None}, {"id": 7, "summary": ["P1"]}])
def test_what_nothing_depends_on_may_have_any_form(odd):
    fields = dict.fromkeys(("title", "priority", "incident_key", "urgency", "resolve_reason", "assignees"), odd)
    event = events(changed("resolved_by_a_person", **fields))[-1]
    assert (event.kind, event.title, event.severity) == ("resolved", None, None)


def test_a_merge_into_itself_is_a_resolution_like_any_other():
    reason = {"type": "merge_resolve_reason", "incident": {"id": "PGR0VU2"}}
    assert events(changed("resolved_by_a_person", resolve_reason=reason))[-1].kind == "resolved"


def test_version_2_gets_a_sentence_that_says_what_to_change():
    with pytest.raises(PayloadError, match=r"version 2 .* Add a Generic Webhook \(v3\)"):
        read((CORPUS / "bad" / "wrong_version--version_2.json").read_bytes())


def test_it_knows_the_name_that_the_sender_of_the_alert_gave_it():
    key = json.loads(good("acknowledged"))["event"]["data"]["incident_key"]
    assert {keyed.aliases for keyed in read(good("acknowledged"))} == {(key,)}
    assert {keyed.aliases for keyed in read(good("without_priority"))} == {()}


def test_its_events_name_nobody_but_who_has_a_role():
    for path in (CORPUS / "good").glob("*.json"):
        for event in events(path.read_bytes()):
            assert event.kind == "role_assigned" or "User 123" not in repr(event)


def test_an_event_without_any_time_is_refused():
    body = json.loads(good("triggered"))
    body["event"].pop("occurred_at", None)
    body["event"]["data"].pop("created_at", None)
    with pytest.raises(PayloadError, match="is missing"):
        read(json.dumps(body).encode())
