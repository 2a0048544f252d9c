"""Exports of other tools. Never is a later edit an end, and never is nobody somebody."""

import json

import pytest

from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.history.importing.imported import Unresolved
from service.history.importing.parsing import Format
from tests.history.importing import event_times, exported, read

PAGERDUTY = ("pagerduty_incidents.json", "pagerduty_log_entries.json")
M = Milestone


def times(incident):
    return {m.value: at.isoformat()[5:19] for m, at in incident.milestones.items()}


def test_pagerduty_tells_by_its_log_entries_who_came_and_when_it_was_over():
    past, incident = exported(*PAGERDUTY, form=Format.PAGERDUTY)["PT4KHLK"]
    assert times(incident) == {
        "detected": "10-06T21:30:42",
        "acknowledged": "10-06T21:34:42",
        "resolved": "10-06T22:38:23",
    }
    assert (incident.title, incident.severity, incident.labels) == (
        "Checkout answers 500",
        Severity.SEV_1,
        {"service": "Checkout"},
    )
    assert incident.resolution_source is ResolutionSource.HUMAN
    assert (past.source, past.aliases) == ("pagerduty", ("baf7cf21b1da41b4b0221008339ff357",))


def test_the_webhook_and_the_export_of_pagerduty_mean_the_same_incident():
    past, _ = exported(*PAGERDUTY, form=Format.PAGERDUTY)["PT4KHLK"]
    assert past.events[0].event_id == "pagerduty-PT4KHLK"


def test_log_entries_may_come_first_or_inside_the_incidents():
    in_order, reversed_ = (exported(*names, form=Format.PAGERDUTY) for names in (PAGERDUTY, PAGERDUTY[::-1]))
    assert times(in_order["PT4KHLK"][1]) == times(reversed_["PT4KHLK"][1])
    entry = {"type": "acknowledge_log_entry", "created_at": "2026-11-25T20:01:00Z", "agent": {"type": "user"}}
    whole = {"id": "P1", "service": {}, "created_at": "2026-11-25T20:00:00Z", "status": "acknowledged"}
    (past,) = read(json.dumps({**whole, "log_entries": [entry, 3]}), form=Format.PAGERDUTY).incidents
    assert event_times(past)["acknowledged"] == "2026-11-25T20:01:00"


def test_an_incident_of_pagerduty_that_nobody_acknowledged_has_no_acknowledgement():
    _, incident = exported(*PAGERDUTY, form=Format.PAGERDUTY)["PNOBODY"]
    assert times(incident) == {"detected": "10-07T01:00:00", "resolved": "10-07T01:20:00"}
    assert incident.resolution_source is ResolutionSource.ALERTS


def test_what_pagerduty_merged_is_counted_once():
    _, incident = exported(*PAGERDUTY, form=Format.PAGERDUTY)["PDOUBLE"]
    assert incident.phase is Phase.DISMISSED


def test_an_open_incident_of_pagerduty_is_open():
    _, incident = exported(*PAGERDUTY, form=Format.PAGERDUTY)["POPEN"]
    assert times(incident) == {"detected": "11-25T21:31:00", "acknowledged": "11-25T21:35:00"}


def test_pagerduty_without_log_entries_knows_no_acknowledgement_of_what_is_resolved():
    incidents = exported("pagerduty_incidents.json", form=Format.PAGERDUTY)
    assert M.ACKNOWLEDGED in incidents["PT4KHLK"][1].milestones  # by the person who resolved it, and no earlier
    assert incidents["PT4KHLK"][1].milestones[M.ACKNOWLEDGED] == incidents["PT4KHLK"][1].milestones[M.RESOLVED]


def test_pagerduty_may_say_resolved_and_not_when():
    line = {"id": "P1", "service": {}, "created_at": "2026-10-01T20:00:00Z", "updated_at": "2026-10-02T20:00:00Z"}
    (past,) = read(json.dumps({**line, "status": "resolved"}), form=Format.PAGERDUTY).incidents
    assert "resolved" not in event_times(past)
    resolved = {**line, "resolved_at": "2026-10-01T21:00:00Z", "incident_key": "x" * 201}
    (past,) = read(json.dumps(resolved), form=Format.PAGERDUTY).incidents
    assert event_times(past)["resolved"] == "2026-10-01T21:00:00"
    assert past.aliases == ()


def test_it_reads_pagerdutys_csv():
    incidents = {key: incident for key, (_, incident) in exported("pagerduty.csv", form=Format.PAGERDUTY).items()}
    assert times(incidents["QAUTO"]) == {"detected": "10-01T01:00:00", "resolved": "10-01T01:20:00"}
    assert times(incidents["QHUMAN"])["acknowledged"] == "10-02T01:03:00"
    assert times(incidents["QZERO"]) == {"detected": "10-03T01:00:00", "resolved": "10-03T01:10:00"}
    assert times(incidents["QOPEN"]) == {"detected": "11-25T14:30:00", "acknowledged": "11-25T14:31:00"}
    assert [incidents[key].severity for key in ("QAUTO", "QHUMAN", "QZERO")] == ["SEV-3", "SEV-2", "SEV-3"]
    assert [incidents[key].resolution_source for key in ("QAUTO", "QHUMAN")] == ["alerts", "human"]
    assert incidents["QAUTO"].labels == {"service": "Database"}


def test_pagerduty_names_the_team_of_an_incident():
    incident = {"id": "P1", "service": {"summary": "Checkout"}, "created_at": "2026-10-01T20:00:00Z"}
    teams = [{"id": "PQ9K7I8", "type": "team_reference", "summary": "Payments"}, {"summary": "Platform"}]
    (past,) = read(json.dumps({**incident, "teams": teams}), form=Format.PAGERDUTY).incidents
    assert dict(past.events[0].labels) == {"service": "Checkout", "team": "Payments"}
    (past,) = read(json.dumps({**incident, "teams": []}), form=Format.PAGERDUTY).incidents
    assert dict(past.events[0].labels) == {"service": "Checkout"}
    (past,) = read(
        "id,created_on,service_name,team_name\nQ1,2026-10-01T20:00:00Z,Checkout,Payments\n", form=Format.PAGERDUTY
    ).incidents
    assert dict(past.events[0].labels) == {"service": "Checkout", "team": "Payments"}


def test_it_reads_raw_incidents_of_pagerdutys_analytics():
    line = {"id": "Q1", "created_at": "2026-10-01T20:00:00", "resolved_at": "2026-10-01T21:00:00", "description": "x"}
    line |= {"seconds_to_first_ack": 60, "priority_name": "P2", "auto_resolved": False}
    parsed = read(json.dumps({"data": [line], "more": False}), form=Format.PAGERDUTY)
    assert "--timezone" in parsed.errors[0].detail


def test_opsgenie_counts_in_milliseconds_from_the_start():
    past, incident = exported("opsgenie.json", form=Format.OPSGENIE)["70413a06-38d6-4c85-92b8-5ebc900d42e2"]
    assert times(incident) == {
        "detected": "09-20T18:32:07",
        "acknowledged": "09-20T18:32:23",
        "resolved": "09-20T18:33:08",
    }
    assert (incident.title, incident.severity) == ("Our servers are in danger", Severity.SEV_1)
    assert (incident.resolution_source, incident.labels) == (ResolutionSource.HUMAN, {"source": "Isengard"})
    assert past.source == "opsgenie"


def test_what_opsgenie_did_by_itself_is_nobodys_response():
    _, incident = exported("opsgenie.json", form=Format.OPSGENIE)["system"]
    assert times(incident) == {"detected": "09-21T18:00:00", "resolved": "09-21T18:02:00"}
    assert incident.resolution_source is ResolutionSource.ALERTS


def test_the_last_edit_in_opsgenie_is_no_end():
    incidents = exported("opsgenie.json", form=Format.OPSGENIE, unresolved=Unresolved.OPEN)
    assert times(incidents["no-close-time"][1]) == {"detected": "09-22T18:00:00"}


def test_it_reads_opsgenies_csv():
    _, incident = exported("opsgenie.csv", form=Format.OPSGENIE)["a1"]
    assert times(incident) == {
        "detected": "09-21T14:13:20",
        "acknowledged": "09-21T14:14:20",
        "resolved": "09-21T14:23:20",
    }
    assert incident.resolution_source is ResolutionSource.ALERTS


@pytest.mark.parametrize("odd", ["x", [1], {}])
def test_an_odd_duration_of_opsgenie_is_an_error(odd):
    line = {"id": "1", "createdAt": "2026-10-01T20:00:00Z", "report": {"ackTime": odd}}
    assert "acknowledge_seconds is not a number" in read(json.dumps(line), form=Format.OPSGENIE).errors[0].detail
    truth = {**line, "report": {"ackTime": True}}
    assert read(json.dumps(truth), form=Format.OPSGENIE).incidents


def test_it_reads_alert_groups_of_oncall():
    incidents = exported("grafana_oncall.json", form=Format.GRAFANA_ONCALL, severities={"critical": Severity.SEV_2})
    assert times(incidents["I68T24C13IFW1"][1]) == {
        "detected": "05-19T12:37:01",
        "acknowledged": "05-19T12:40:00",
        "resolved": "05-19T13:37:01",
    }
    assert incidents["I68T24C13IFW1"][1].severity is Severity.SEV_2
    assert incidents["I68T24C13IFW1"][0].source == "grafana_oncall"


def test_what_the_source_of_alerts_did_in_oncall_is_nobodys_response():
    incidents = exported("grafana_oncall.json", form=Format.GRAFANA_ONCALL, severities={"critical": Severity.SEV_2})
    assert times(incidents["I2"][1]) == {"detected": "05-20T12:00:00", "resolved": "05-20T12:30:00"}
    assert incidents["I2"][1].resolution_source is ResolutionSource.ALERTS
    assert (incidents["I2"][1].title, incidents["I2"][1].labels) == ("Untitled alert group", {"team": "shop"})
    assert times(incidents["I3"][1])["acknowledged"] == "05-21T12:01:00"


def test_a_mapping_reaches_what_a_format_does_not_read():
    incidents = exported("opsgenie.json", form=Format.OPSGENIE, columns={"integration.name": "title"})
    assert incidents["70413a06-38d6-4c85-92b8-5ebc900d42e2"][1].title == "Nebuchadnezzar"
    assert incidents["system"][1].title == "Acknowledged by a policy"


def test_the_alias_of_an_alert_of_alertmanager_names_its_group():
    digest = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"
    for alias, aliases in ((digest, (digest,)), ("event_573", ()), (None, ()), (7, ())):
        line = {"id": "1", "createdAt": "2026-10-01T20:00:00Z", "alias": alias}
        (incident,) = read(json.dumps(line), form=Format.OPSGENIE).incidents
        assert incident.aliases == aliases


def test_the_notes_of_an_alert_are_one_note_without_authors():
    notes = [
        {"note": "second", "owner": "ada@example.com", "createdAt": "2026-10-01T20:20:00Z"},
        {"note": "first", "createdAt": "2026-10-01T20:10:00Z"},
        "odd",
    ]
    lines = [{"id": "1", "createdAt": "2026-10-01T20:00:00Z", "message": "x"}, {"id": "1", "notes": notes}]
    (incident,) = read("\n".join(map(json.dumps, lines)), form=Format.OPSGENIE, fold=True).incidents
    assert [event.data for event in incident.events if event.kind == "note"] == [{"text": "first\nsecond"}]
