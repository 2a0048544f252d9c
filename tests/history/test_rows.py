"""Lines in our own columns: what becomes of each cell, and what is said of one that is wrong."""

import json
from zoneinfo import ZoneInfo

import pytest

from service.domain.actions import ActionState
from service.domain.events import EventKind as K
from service.domain.incident import Phase
from service.domain.policy import Domain, IncidentType, Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.history.importing.imported import PostmortemDue, Unresolved
from tests.history.importing import error_of, event_times, import_line, incident, read

ZONE = ZoneInfo("Asia/Tokyo")
WHOLE = (
    "key,title,severity,types,domains,labels,started_at,detected_at,acknowledged_at,mitigated_at,"
    "resolved_at,drafted_at,finalized_at",
    "jira-42,Orders fail,sev-1,execution;API,do,team=shop;env=prod,2026-10-01T09:00:00Z,"
    "2026-10-01T09:05:00Z,2026-10-01T09:10:00Z,"
    "2026-10-01T09:40:00Z,2026-10-01T10:00:00Z,2026-10-01T20:00:00Z,2026-10-02T20:00:00Z",
)


def test_it_reads_a_whole_line():
    past = import_line(*WHOLE)
    imported = incident(past)
    assert (imported.title, imported.severity, imported.phase) == ("Orders fail", Severity.SEV_1, Phase.RESOLVED)
    assert (imported.types, imported.domains) == ((IncidentType.EXECUTION, IncidentType.API), (Domain.DO,))
    assert imported.labels == {"team": "shop", "env": "prod"}
    assert set(imported.milestones) == set(Milestone)
    assert imported.resolution_source is ResolutionSource.HUMAN
    assert not past.initial_events
    assert not past.warnings
    assert {e.source for e in past.events} == {"history"}


def test_it_gives_every_event_an_id_that_stays_the_same():
    assert [e.event_id for e in import_line(*WHOLE).events] == [e.event_id for e in import_line(*WHOLE).events]
    assert import_line(*WHOLE).events[0].event_id == "history-jira-42-started"


def test_a_missing_acknowledgement_gives_nothing():
    imported = incident(import_line("key,detected_at,resolved_at", "1,2026-10-01T09:00:00Z,2026-10-01T10:00:00Z"))
    assert Milestone.ACKNOWLEDGED not in imported.milestones
    assert imported.resolution_source is ResolutionSource.ALERTS


@pytest.mark.parametrize(
    ("resolved_by", "source"),
    [
        ("human", "human"),
        ("Automation", "automation"),
        ("alerts", "alerts"),
        ("", "alerts"),
        ("Beth Doe", "human"),
        ("bot", "automation"),
        ({"type": "user_reference", "summary": "Somebody"}, "human"),
        ({"link": "https://example.com/1", "value": "5137153cc611227c"}, "human"),
        ({"login": "deploy", "type": "Bot"}, "automation"),
        ({}, "alerts"),
    ],
)
def test_it_says_who_resolved(resolved_by, source):
    line = {"key": "1", "detected_at": "2026-10-01T09:00:00Z", "resolved_at": "2026-10-01T10:00:00Z"}
    (past,) = read(json.dumps({**line, "resolved_by": resolved_by})).incidents
    resolved = incident(past)
    assert resolved.resolution_source == source
    assert (Milestone.ACKNOWLEDGED in resolved.milestones) is (source == "human")
    assert "Beth" not in repr(past)
    assert past.warnings == ()


@pytest.mark.parametrize(
    ("acknowledged_by", "seconds"),
    [("", 600), ("human", 600), ("User 123", 600), ("automation", None), ("System", None), ("alerts", None)],
)
def test_a_machines_acknowledgement_is_nobodys_response(acknowledged_by, seconds):
    line = f"1,2026-10-01T09:00:00Z,2026-10-01T09:10:00Z,{acknowledged_by},2026-10-01T10:00:00Z"
    past = import_line("key,detected_at,acknowledged_at,acknowledged_by,resolved_at", line)
    imported = incident(past)
    response = imported.milestones.get(Milestone.ACKNOWLEDGED)
    assert (response and (response - imported.milestones[Milestone.DETECTED]).total_seconds()) == seconds
    assert imported.resolution_source == ("human" if seconds else "alerts")
    assert [e.occurred_at.minute for e in past.events if e.kind is K.ACKNOWLEDGED] == [10]  # on the timeline


@pytest.mark.parametrize(
    ("dismissed_at", "resolved_at", "minute"),
    [("2026-10-01T09:30:00Z", "2026-10-01T09:40:00Z", 30), ("", "2026-10-01T09:40:00Z", 40), ("", "", 10)],
)
def test_a_merge_takes_the_place_of_the_end(dismissed_at, resolved_at, minute):
    line = f"1,2026-10-01T09:00:00Z,2026-10-01T09:10:00Z,{dismissed_at},{resolved_at},2"
    past = import_line("key,detected_at,acknowledged_at,dismissed_at,resolved_at,merged_into", line)
    assert {e.kind: e.occurred_at.minute for e in past.events} == {K.DETECTED: 0, K.ACKNOWLEDGED: 10, K.MERGED: minute}
    assert not past.initial_events


def test_an_incident_is_not_merged_into_itself():
    line = "1,2026-10-01T09:00:00Z,2026-10-01T09:10:00Z,1"
    assert "own key" in error_of("key,detected_at,dismissed_at,merged_into", line)


def test_a_word_for_a_machine_that_is_misspelt_is_warned_about():
    line = "1,2026-10-01T09:00:00Z,2026-10-01T10:00:00Z,automaton"
    assert "for a machine write automation" in import_line("key,detected_at,resolved_at,resolved_by", line).warnings[0]


def test_a_mitigation_shows_that_people_were_there():
    line = "1,2026-10-01T09:00:00Z,2026-10-01T09:30:00Z,2026-10-01T10:00:00Z"
    assert (
        incident(import_line("key,detected_at,mitigated_at,resolved_at", line)).resolution_source
        is ResolutionSource.HUMAN
    )


def test_it_reads_durations_instead_of_instants():
    past = import_line("key,detected_at,acknowledge_seconds,resolve_seconds", "1,2026-10-01T09:00:00Z,90.5,3600")
    assert event_times(past)["acknowledged"] == "2026-10-01T09:01:30"
    assert event_times(past)["resolved"] == "2026-10-01T10:00:00"


def test_an_instant_counts_before_a_duration():
    line = "1,2026-10-01T09:00:00Z,2026-10-01T09:07:00Z,60"
    past = import_line("key,detected_at,acknowledged_at,acknowledge_seconds", line, unresolved=Unresolved.OPEN)
    assert event_times(past)["acknowledged"] == "2026-10-01T09:07:00"


def test_what_was_silent_for_long_is_closed_as_stale():
    past = import_line("key,detected_at,mitigated_at", "1,2026-10-01T09:00:00Z,2026-10-01T10:00:00Z")
    imported = incident(past)
    assert (imported.phase, imported.resolution_source) == (Phase.RESOLVED, ResolutionSource.STALE)
    assert event_times(past)["stale"] == "2026-10-02T10:00:00"
    assert {e.event_id for e in past.initial_events} >= {"history-1-stale"}


def test_what_is_recent_stays_open():
    assert incident(import_line("key,detected_at", "1,2026-11-25T20:00:00Z")).phase is Phase.DETECTED


def test_people_may_want_it_otherwise():
    line = ("key,detected_at", "1,2026-10-01T09:00:00Z")
    assert incident(import_line(*line, unresolved=Unresolved.OPEN)).phase is Phase.DETECTED
    assert "resolved_at is missing" in error_of(*line, unresolved=Unresolved.REFUSE)
    assert incident(import_line("key,detected_at", "1,2026-11-25T20:00:00Z", unresolved=Unresolved.REFUSE)).is_open


def test_a_dismissed_incident_is_over():
    imported = incident(import_line("key,detected_at,dismissed_at", "1,2026-10-01T09:00:00Z,2026-10-01T09:30:00Z"))
    assert (imported.phase, imported.deadlines) == (Phase.DISMISSED, ())


OLD = "1,SEV-1,2026-10-01T09:00:00Z,2026-10-01T10:00:00Z"
FRESH = "1,SEV-1,2026-11-25T09:00:00Z,2026-11-25T10:00:00Z"
REPORTED = ("key,severity,detected_at,resolved_at", OLD)


def test_a_postmortem_that_was_due_before_the_import_is_not_owed():
    assert incident(import_line(*REPORTED)).deadlines == ()


def test_a_postmortem_whose_deadline_is_ahead_is_owed_with_what_is_late():
    imported = incident(import_line(REPORTED[0], FRESH))
    assert [(d.stage, d.overdue(imported.last_seen_at)) for d in imported.deadlines] == [
        ("draft", True),
        ("final", False),
    ]


def test_all_or_none_may_be_owed():
    assert len(incident(import_line(*REPORTED, postmortem_due=PostmortemDue.ALL)).deadlines) == 2
    assert incident(import_line(REPORTED[0], FRESH, postmortem_due=PostmortemDue.NONE)).deadlines == ()


def test_the_line_itself_may_say_what_is_owed():
    header = f"{REPORTED[0]},postmortem_required"
    assert len(incident(import_line(header, f"{OLD},yes")).deadlines) == 2
    assert incident(import_line(header, f"{FRESH},false", postmortem_due=PostmortemDue.ALL)).deadlines == ()


def test_a_postmortem_that_is_whole_keeps_its_deadlines():
    assert all(d.done_at for d in incident(import_line(*WHOLE)).deadlines)
    assert not import_line(*WHOLE, postmortem_due=PostmortemDue.NONE).initial_events


def test_a_postmortem_may_be_named():
    past = import_line(
        "key,detected_at,resolved_at,drafted_at,document", f"{OLD.replace('SEV-1,', '')},2026-10-02T00:00:00Z,pm/1.md"
    )
    assert [e.data for e in past.events if e.kind is K.POSTMORTEM_DRAFTED] == [{"document": "pm/1.md"}]


def test_a_commander_counts_from_the_acknowledgement_and_not_from_the_start():
    header, line = "key,detected_at,resolved_at,commander,acknowledged_at", f"{OLD.replace('SEV-1,', '')},Somebody"
    past = import_line(header, f"{line},2026-10-01T09:10:00Z")
    assert [(e.occurred_at.minute, e.data["name"]) for e in past.events if e.kind is K.ROLE_ASSIGNED] == [
        (10, "Somebody")
    ]
    alone = import_line(header, f"{line},")
    assert Milestone.ACKNOWLEDGED not in incident(alone).milestones
    assert "commander is ignored" in alone.warnings[0]
    machine = import_line(f"{header},acknowledged_by", f"{line},2026-10-01T09:10:00Z,automation")
    assert not [e for e in machine.events if e.kind is K.ROLE_ASSIGNED]


def test_a_note_goes_to_the_timeline():
    past = import_line("key,detected_at,note", "1,2026-11-25T20:00:00Z,Disk was full")
    assert [e.data for e in past.events if e.kind is K.NOTE] == [{"text": "Disk was full"}]


def test_it_reads_actions():
    actions = [
        {"action_id": "A1", "title": "Alert on it", "due_at": "2026-12-01", "opened_at": "2026-10-02T00:00:00Z"},
        {"action_id": "A2", "completed_at": "2026-10-03T00:00:00Z", "verified_at": "2026-10-04T00:00:00Z"},
    ]
    line = {
        "key": "1",
        "detected_at": "2026-10-01T09:00:00Z",
        "resolved_at": "2026-10-01T10:00:00Z",
        "actions": actions,
    }
    (past,) = read(json.dumps(line), zone=ZONE).incidents
    recorded = incident(past).actions
    assert [(a.action_id, a.state, a.title) for a in recorded] == [
        ("A1", ActionState.OPEN, "Alert on it"),
        ("A2", ActionState.VERIFIED, ""),
    ]
    assert recorded[0].due_at.isoformat() == "2026-12-01T23:59:59+09:00"
    assert event_times(past)["A1-opened"] == "2026-10-02T00:00:00"
    assert event_times(past)["A2-opened"] == "2026-10-01T10:00:00"


def test_it_reads_actions_in_a_cell():
    past = import_line("key,detected_at,actions", '1,2026-11-25T20:00:00Z,"[{""action_id"": ""A1""}]"')
    assert "A1-opened" in event_times(past)


@pytest.mark.parametrize(
    ("actions", "why"),
    [
        ('"[{]"', "is not valid JSON"),
        ('"[1]"', "JSON array of objects"),
        ('"[{}]"', "requires a unique action_id"),
        ('"[{""action_id"": ""A""}, {""action_id"": ""A""}]"', "unique action_id"),
        ('"[{""action_id"": ""A"", ""due_at"": ""2026-12-01""}]"', "give --timezone"),
        ('"[{""action_id"": ""A"", ""due_at"": ""soon""}]"', "actions is not an RFC 3339 time"),
        ('"[{""action_id"": ""A"", ""opened_at"": ""soon""}]"', "actions.opened_at is not a time"),
    ],
)
def test_it_says_what_is_wrong_with_actions(actions, why):
    assert why in error_of("key,detected_at,actions", f"1,2026-11-25T20:00:00Z,{actions}")


@pytest.mark.parametrize(
    ("header", "line", "why"),
    [
        ("title,detected_at", "x,2026-10-01T09:00:00Z", "key is missing"),
        ("key,title", "1,x", "detected_at is missing"),
        ("key,detected_at,severity", "1,2026-10-01T09:00:00Z,critical", "--severity-map"),
        ("key,detected_at,types", "1,2026-10-01T09:00:00Z,disk", "should be among execution"),
        ("key,detected_at,labels", "1,2026-10-01T09:00:00Z,shop", "NAME=VALUE"),
        ("key,detected_at,labels", '1,2026-10-01T09:00:00Z,"{x"', "labels is not valid JSON"),
        ("key,detected_at,labels", "1,2026-10-01T09:00:00Z," + ";".join(f"a{i}=b" for i in range(65)), "more than 64"),
        ("key,detected_at,acknowledge_seconds", "1,2026-10-01T09:00:00Z,soon", "is not a number of seconds"),
        ("key,detected_at,acknowledge_seconds", "1,2026-10-01T09:00:00Z,-1", "from 0 to ten years"),
        ("key,detected_at,resolve_seconds", "1,2026-11-25T09:00:00Z,90000", "ends in the future"),
        ("key,detected_at,source", "1,2026-10-01T09:00:00Z,My Tool", "source should be"),
        ("key,detected_at,source", "1,2026-10-01T09:00:00Z,prometheus", "source should be"),
        ("key,detected_at,postmortem_required", "1,2026-10-01T09:00:00Z,maybe", "true or false"),
        ("key,detected_at,title", "1,2026-10-01T09:00:00Z," + "x" * 501, "longer than 500"),
        ("key,detected_at,title", "1,2026-10-01T09:00:00Z,x\x00y", "databases cannot store"),
    ],
)
def test_it_says_what_to_change(header, line, why):
    assert why in error_of(header, line)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"key": "1", "detected_at": 1790000000}, "for numbers give --time-format"),
        ({"key": True, "detected_at": "2026-10-01T09:00:00Z"}, "key should be text"),
        ({"key": 10**30, "detected_at": "2026-10-01T09:00:00Z"}, "out of range"),
        ({"key": "1", "detected_at": "2026-10-01T09:00:00Z", "types": [1]}, "a list of strings"),
    ],
)
def test_it_says_what_to_change_in_json(line, why):
    (error,) = read(json.dumps(line)).errors
    assert why in error.detail


def test_json_has_lists_objects_numbers_and_truth():
    line = {"key": 7, "detected_at": "2026-10-01T09:00:00Z", "types": ["data", "data"], "postmortem_required": True}
    line["labels"] = {"team": "shop", "n": 3, "no": ""}
    (past,) = read(json.dumps(line)).incidents
    imported = incident(past)
    assert (past.key, imported.types, imported.labels) == ("7", (IncidentType.DATA,), {"team": "shop", "n": "3"})
    assert imported.deadlines


def test_labels_may_be_json_in_a_cell():
    assert incident(import_line("key,detected_at,labels", '1,2026-11-25T20:00:00Z,"{""a"": ""b""}"')).labels == {
        "a": "b"
    }


def test_a_column_may_be_one_label():
    header = "key,detected_at,labels,label.team,label.service"
    past = import_line(header, '1,2026-10-01T09:00:00Z,"team=shop,area=eu", payments ,')
    assert dict(past.events[0].labels) == {"team": "payments", "area": "eu"}
    long = "x" * 4097
    assert "label.team is longer than 4096" in error_of("key,detected_at,label.team", f"1,2026-10-01T09:00:00Z,{long}")


def test_a_negative_interval_is_a_warning():
    past = import_line("key,detected_at,resolved_at", "1,2026-10-01T09:00:00Z,2026-10-01T08:00:00Z")
    assert past.warnings == ("resolve is negative and gives no sample",)


def test_severities_are_mapped_in_any_case():
    line = ("key,detected_at,severity", "1,2026-11-25T20:00:00Z,Critical")
    assert incident(import_line(*line, severities={"critical": Severity.SEV_2})).severity is Severity.SEV_2


def test_a_line_may_name_its_source():
    assert import_line("key,detected_at,source", "1,2026-11-25T20:00:00Z,statuspage").source == "statuspage"
    assert import_line("key,detected_at", "1,2026-11-25T20:00:00Z", source="lifecycle").source == "lifecycle"
