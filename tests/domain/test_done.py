"""The definition of done, as far as an incident's own history tells it."""

import pytest

from service.domain.checks import EVIDENCE_SOURCES, Check, CheckState
from service.domain.done import definition_of_done, failed_checks
from service.domain.events import EventKind
from service.domain.incident import fold
from service.domain.policy import Milestone, Severity
from tests.builders import at, event, policy

K = EventKind
DAY = 24 * 60


def incident(*events):
    return fold(1, (event(K.DETECTED), *events), (), policy(), at(0))


def test_it_asks_nothing_of_a_dismissed_incident():
    assert set(definition_of_done(incident(event(K.DISMISSED, 1)), at(2)).values()) == {CheckState.NOT_NEEDED}


def test_it_takes_what_was_last_said_of_a_check():
    events = [
        event(K.POSTMORTEM_CHECKED, n, data={"checks": {"evidence": state}})
        for n, state in ((1, "failed"), (2, "passed"))
    ]
    assert definition_of_done(incident(*events), at(3))[Check.EVIDENCE] is CheckState.PASSED
    assert failed_checks(incident(events[0])) == [Check.EVIDENCE]


def test_evidence_that_was_collected_passes_unless_the_document_says_otherwise():
    def evidence(*states):
        checks = [event(K.POSTMORTEM_CHECKED, n, data={"checks": {"evidence": s}}) for n, s in enumerate(states, 5)]
        return definition_of_done(incident(collected, *checks), at(9))[Check.EVIDENCE]

    sources = {"logs": "collected", "traces": "not_configured"}
    archive = {"archive": "evidence-INC-1.zip", "sha256": "0" * 64, "sources": sources}
    collected = event(K.NOTE, 2, data={"text": "x", "evidence_collected": archive})
    assert evidence() is evidence("pending") is evidence("failed", "pending") is CheckState.PASSED
    assert evidence("failed") is CheckState.FAILED
    assert evidence("not_needed") is CheckState.NOT_NEEDED
    assert failed_checks(incident(collected)) == []


@pytest.mark.parametrize(
    "sources",
    [
        None,
        {},
        {"timeline": "collected"},
        dict.fromkeys(EVIDENCE_SOURCES, "not_configured"),
        {"logs": "collected", "metrics": "failed"},
    ],
)
def test_an_archive_without_what_the_standard_asks_for_is_no_evidence(sources):
    archive = {"archive": "evidence-INC-1.zip", "sha256": "0" * 64, "sources": sources}
    note = event(K.NOTE, 2, data={"text": "x", "evidence_collected": archive})
    assert definition_of_done(incident(note), at(9))[Check.EVIDENCE] is CheckState.PENDING


def test_another_note_is_no_evidence():
    noted = incident(event(K.NOTE, 2, data={"text": "evidence_collected"}))
    assert definition_of_done(noted, at(9))[Check.EVIDENCE] is CheckState.PENDING


def test_evidence_that_is_retracted_is_none():
    archive = {"archive": "evidence-INC-1.zip", "sha256": "0" * 64}
    collected = event(K.NOTE, 2, event_id="e", data={"text": "x", "evidence_collected": archive})
    retracted = incident(collected, event(K.RETRACTED, 3, data={"event_id": "e"}))
    assert definition_of_done(retracted, at(9))[Check.EVIDENCE] is CheckState.PENDING


def test_it_fails_a_deadline_that_passed_and_keeps_it_failed():
    late = incident(event(K.POSTMORTEM_DRAFTED, 60 * DAY))
    assert definition_of_done(incident(), at(60 * DAY))[Check.DEADLINE] is CheckState.FAILED
    assert definition_of_done(late, at(60 * DAY))[Check.DEADLINE] is CheckState.FAILED
    assert failed_checks(late) == [Check.DEADLINE]


def test_it_passes_a_deadline_once_every_stage_is_reached():
    done = (event(K.POSTMORTEM_DRAFTED, 5), event(K.POSTMORTEM_FINALIZED, 9))
    assert definition_of_done(incident(done[0]), at(6))[Check.DEADLINE] is CheckState.PENDING
    assert definition_of_done(incident(*done), at(10))[Check.DEADLINE] is CheckState.PASSED


def test_it_asks_for_no_deadline_where_the_policy_has_none():
    owing_nothing = fold(1, (event(K.DETECTED),), (), policy(deadlines={}), at(0))
    assert definition_of_done(owing_nothing, at(1))[Check.DEADLINE] is CheckState.NOT_NEEDED


def test_the_weekly_review_finalizes_what_owes_no_document():
    sev_4 = event(K.SEVERITY_CHANGED, severity=Severity.SEV_4)
    reviewed = event(K.REVIEWED, 90)
    assert incident(sev_4, reviewed).milestones[Milestone.FINALIZED] == at(90)
    assert definition_of_done(incident(sev_4, reviewed), at(91))[Check.DEADLINE] is CheckState.PASSED
    assert Milestone.FINALIZED not in incident(reviewed).milestones
    taken_back = event(K.RETRACTED, 95, data={"event_id": reviewed.event_id})
    assert Milestone.FINALIZED not in incident(sev_4, reviewed, taken_back).milestones


def test_a_document_that_is_not_owed_has_no_pending_checks():
    sev_4 = event(K.SEVERITY_CHANGED, severity=Severity.SEV_4)
    checks = definition_of_done(incident(sev_4), at(1))
    assert checks.pop(Check.DEADLINE) is CheckState.PENDING
    assert set(checks.values()) == {CheckState.NOT_NEEDED}
    drafted = definition_of_done(incident(sev_4, event(K.POSTMORTEM_DRAFTED, 1)), at(1))
    assert drafted[Check.EVIDENCE] is CheckState.PENDING
