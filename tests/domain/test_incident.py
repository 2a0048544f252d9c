"""The fold: what an incident is, computed from all that was told of it (docs/definitions.md)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.checks import Check, CheckState
from service.domain.done import definition_of_done
from service.domain.events import EventKind, Role
from service.domain.incident import OPEN_PHASES, Incident, Phase, fold
from service.domain.indicators import measure
from service.domain.policy import Domain, IncidentType, Indicator, Milestone, Severity, Stage
from service.domain.recovery import ResolutionSource
from tests.builders import REVIEW, at, episode, event, policy

K, M = EventKind, Milestone
HOUR = timedelta(hours=1)


def folded(*events, episodes=(), rules=None, last_seen_at=0.0) -> Incident:
    """The incident of these events; detected by hand at 0 where there is nothing else."""
    history = events or (() if episodes else (event(K.DETECTED),))
    return fold(1, history, list(episodes), rules or policy(), at(last_seen_at))


def detected(*events, **more) -> Incident:
    return folded(event(K.DETECTED), *events, **more)


def milestone(incident: Incident, which: Milestone):
    return incident.milestones.get(which)


def correction(which: Milestone, to: float, minutes: float = 500):
    return event(K.CORRECTED, minutes, data={"milestone": which.value, "occurred_at": at(to).isoformat()})


def measured(incident: Incident, **rules):
    return measure(incident, policy(**rules))


# -- milestones --------------------------------------------------------------------------------------------------------


def test_it_has_only_the_milestones_that_were_reported():
    assert dict(folded().milestones) == {M.DETECTED: at(0)}


def test_it_detects_at_the_earliest_alert_or_word():
    assert milestone(folded(episodes=[episode(5), episode(3, id=2)]), M.DETECTED) == at(3)
    assert milestone(folded(event(K.DETECTED, 1), episodes=[episode(5)]), M.DETECTED) == at(1)


def test_it_takes_the_start_from_an_alert_that_carries_it():
    assert milestone(folded(episodes=[episode(5, onset_at=at(2)), episode(6, id=2)]), M.STARTED) == at(2)


def test_it_believes_people_about_the_start_before_alerts_and_alerts_before_prometheus():
    people, alerts = event(K.STARTED, 3), episode(5, onset_at=at(2))
    prometheus = event(K.STARTED, 1, source="prometheus")
    assert milestone(folded(people, prometheus, episodes=[alerts]), M.STARTED) == at(3)
    assert milestone(folded(prometheus, episodes=[alerts]), M.STARTED) == at(2)
    assert milestone(folded(prometheus, episodes=[episode(5)]), M.STARTED) == at(1)


@pytest.mark.parametrize(
    "first",
    [
        event(K.ACKNOWLEDGED, 5),
        event(K.ROLE_ASSIGNED, 5, data={"role": "commander", "name": "Aki"}),
        event(K.MITIGATED, 5),
        event(K.RESOLVED, 5),
    ],
    ids=lambda e: str(e.kind),
)
def test_it_is_acknowledged_by_the_first_act_of_a_person(first):
    later = [event(K.ACKNOWLEDGED, 9, event_id="later"), event(K.MITIGATED, 10, event_id="last")]
    assert milestone(detected(*later, first), M.ACKNOWLEDGED) == at(5)


@pytest.mark.parametrize(
    "other",
    [
        event(K.ROLE_ASSIGNED, 5, data={"role": "comms", "name": "Aki"}),
        event(K.RESOLVED, 5, data={"automated": True}),
        event(K.RESOLVED, 5, data={"resolution_source": "stale"}),
        event(K.NOTE, 5, data={"text": "looking"}),
        event(K.SEVERITY_CHANGED, 5, severity=Severity.SEV_1),
    ],
    ids=["comms assigned", "automated", "stale", "note", "severity"],
)
def test_it_is_not_acknowledged_by_anything_else(other):
    assert milestone(detected(other), M.ACKNOWLEDGED) is None


def test_it_stays_acknowledged_by_a_resolution_that_did_not_last():
    incident = detected(event(K.RESOLVED, 5), event(K.REOPENED, 8))
    assert milestone(incident, M.ACKNOWLEDGED) == at(5)
    assert milestone(incident, M.RESOLVED) is None


def test_it_takes_the_first_of_repeated_milestones():
    again = [
        event(K.MITIGATED, 7),
        event(K.MITIGATED, 4),
        event(K.POSTMORTEM_DRAFTED, 90),
        event(K.POSTMORTEM_DRAFTED, 80),
    ]
    incident = detected(*again)
    assert (milestone(incident, M.MITIGATED), milestone(incident, M.DRAFTED)) == (at(4), at(80))


# -- resolution --------------------------------------------------------------------------------------------------------


def test_it_is_resolved_by_a_person():
    incident = detected(event(K.RESOLVED, 30))
    assert (milestone(incident, M.RESOLVED), incident.resolution_source) == (at(30), ResolutionSource.HUMAN)


def test_it_is_resolved_at_the_last_end_once_all_alerts_cleared():
    assert milestone(folded(episodes=[episode(0, 9), episode(0, id=2)]), M.RESOLVED) is None
    incident = folded(episodes=[episode(0, 9), episode(0, 12, id=2)])
    assert (milestone(incident, M.RESOLVED), incident.resolution_source) == (at(12), ResolutionSource.ALERTS)


def test_it_believes_a_person_although_the_alert_still_fires():
    incident = folded(event(K.RESOLVED, 30), episodes=[episode(0)])
    assert (milestone(incident, M.RESOLVED), incident.resolution_source) == (at(30), ResolutionSource.HUMAN)


def test_it_takes_the_first_resolution_that_nothing_reopened():
    assert milestone(detected(event(K.RESOLVED, 30), event(K.RESOLVED, 40)), M.RESOLVED) == at(30)


def test_it_clears_the_resolution_on_reopening_and_counts_the_next():
    reopened = [event(K.RESOLVED, 30), event(K.REOPENED, 35)]
    assert detected(*reopened).phase is Phase.ACKNOWLEDGED
    assert detected(*reopened).resolution_source is None
    assert milestone(detected(*reopened, event(K.RESOLVED, 60)), M.RESOLVED) == at(60)


def test_it_is_reopened_by_an_alert_that_fires_after_people_resolved():
    first, second = episode(0, 20), episode(35, id=2)
    assert milestone(folded(event(K.RESOLVED, 30), episodes=[first, second]), M.RESOLVED) is None
    ended = episode(35, 50, id=2)
    incident = folded(event(K.RESOLVED, 30), episodes=[first, ended])
    assert (milestone(incident, M.RESOLVED), incident.resolution_source) == (at(50), ResolutionSource.ALERTS)


def test_it_stays_open_when_people_reopen_what_the_alerts_ended():
    assert folded(event(K.REOPENED, 20), episodes=[episode(0, 10)]).phase is Phase.DETECTED
    later = folded(event(K.REOPENED, 20), episodes=[episode(0, 10), episode(12, 25, id=2)])
    assert milestone(later, M.RESOLVED) == at(25)


def test_it_counts_an_assumed_resolution_only_without_any_other():
    stale = event(K.RESOLVED, 1440, data={"resolution_source": "stale"})
    assert detected(stale).resolution_source is ResolutionSource.STALE
    assert detected(stale, event(K.RESOLVED, 1500)).resolution_source is ResolutionSource.HUMAN
    assert folded(stale, episodes=[episode(0, 50)]).resolution_source is ResolutionSource.ALERTS


def test_it_is_stale_when_any_of_its_alerts_only_seems_to_have_ended():
    ended = [episode(0, 1440, stale=True), episode(0, 9, id=2)]
    assert folded(episodes=ended).resolution_source is ResolutionSource.STALE


# -- what is missing or absurd gives no sample -------------------------------------------------------------------------


def test_it_gives_no_sample_for_a_missing_milestone():
    """Not 0, and not "now", which grows at every scrape."""
    assert measured(detected(event(K.RESOLVED, 30, data={"automated": True}))).intervals == {
        Indicator.RESOLVE: timedelta(minutes=30)
    }


def test_it_gives_no_sample_for_a_negative_interval_and_says_so():
    result = measured(detected(event(K.MITIGATED, -5)))
    assert Indicator.MITIGATE not in result.intervals
    assert set(result.invalid) == {Indicator.ACKNOWLEDGE, Indicator.MITIGATE}


def test_it_forces_no_order_on_what_people_report():
    incident = detected(event(K.ACKNOWLEDGED, 20), event(K.MITIGATED, 10), event(K.RESOLVED, 30))
    assert incident.phase is Phase.RESOLVED
    assert set(measured(incident).intervals) == {Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE}


@pytest.mark.parametrize(("minute", "late"), [(29, ()), (30, ()), (31, (M.ACKNOWLEDGED, M.MITIGATED))])
def test_it_gives_no_sample_of_a_response_after_the_recovery(minute, late):
    """The milestone stays, for people said so; what came when it was over was no response."""
    result = measured(folded(event(K.MITIGATED, minute), episodes=[episode(0, 30)]))
    assert result.late == late
    assert (Indicator.MITIGATE in result.intervals) is not bool(late)
    assert result.invalid == ()


def test_it_gives_no_sample_at_all_of_a_dismissed_incident():
    events = [event(K.STARTED, -5), event(K.ACKNOWLEDGED, 5), event(K.MITIGATED, -9), event(K.DISMISSED, 10)]
    result = measured(detected(*events))
    assert (result.intervals, result.invalid) == ({}, ())


def test_it_measures_recovery_from_the_start_where_a_team_wants_it():
    incident = detected(event(K.STARTED, -10), event(K.RESOLVED, 20))
    assert measured(incident).intervals[Indicator.RESOLVE] == timedelta(minutes=20)
    assert measured(incident, resolve_from=M.STARTED).intervals[Indicator.RESOLVE] == timedelta(minutes=30)


# -- phases ------------------------------------------------------------------------------------------------------------


def test_it_goes_through_its_phases():
    events = [event(K.DETECTED)]
    phases = [folded(*events).phase]
    for kind, minutes in ((K.ACKNOWLEDGED, 2), (K.MITIGATED, 9), (K.RESOLVED, 20)):
        events.append(event(kind, minutes))
        phases.append(folded(*events).phase)
    assert phases == [*OPEN_PHASES, Phase.RESOLVED]


def test_it_is_dismissed_until_it_is_reopened():
    dismissed = detected(event(K.DISMISSED, 10))
    assert (dismissed.phase, dismissed.dismissed_at, dismissed.is_open) == (Phase.DISMISSED, at(10), False)
    reopened = detected(event(K.DISMISSED, 10), event(K.REOPENED, 20))
    assert (reopened.phase, reopened.dismissed_at, reopened.is_open) == (Phase.DETECTED, None, True)


def test_it_is_dismissed_since_the_first_of_several_dismissals():
    assert detected(event(K.DISMISSED, 12), event(K.DISMISSED, 10)).dismissed_at == at(10)


def test_it_becomes_stale_only_while_it_is_open():
    assert detected(last_seen_at=60).stale_at == at(60) + timedelta(hours=24)
    assert detected(event(K.RESOLVED, 5)).stale_at is None
    assert detected(event(K.DISMISSED, 5)).stale_at is None


def test_it_is_settled_a_reopen_window_after_its_recovery():
    assert detected(event(K.RESOLVED, 5)).settled_at == at(20)
    assert folded(episodes=[episode(0, 5)]).settled_at == at(20)
    assert detected().settled_at is None
    assert detected(event(K.RESOLVED, 5), event(K.DISMISSED, 7)).settled_at is None


@pytest.mark.parametrize("fields", [{}, {"data": {"automated": True}}])
def test_it_is_outlived_by_an_alert_that_goes_on_behind_a_resolution_by_hand(fields):
    assert folded(event(K.RESOLVED, 5, **fields), episodes=[episode(0)]).outlived_at == at(20)
    assert folded(event(K.RESOLVED, 5, **fields), episodes=[episode(0, 21)]).outlived_at == at(20)
    assert folded(event(K.RESOLVED, 5, **fields), episodes=[episode(0, 20)]).outlived_at is None


def test_its_own_alerts_never_outlive_it():
    assert folded(episodes=[episode(0, 500)]).outlived_at is None
    assert folded(event(K.RESOLVED, 5), event(K.DISMISSED, 6), episodes=[episode(0)]).outlived_at is None


# -- a resolution without a time, and an end that is unknown -----------------------------------------------------------


def test_it_takes_the_end_of_the_alerts_for_a_resolution_that_was_sent_without_a_time():
    incident = folded(event(K.RESOLVED, 40, untimed=True), episodes=[episode(0, 30)])
    assert (milestone(incident, M.RESOLVED), incident.resolution_source) == (at(30), ResolutionSource.HUMAN)
    assert milestone(incident, M.ACKNOWLEDGED) == at(40)
    assert measured(incident).late == (M.ACKNOWLEDGED,)


def test_it_takes_the_click_where_an_alert_still_fired_then():
    later = [episode(0, 50), episode(10, 20, id=2)]
    assert milestone(folded(event(K.RESOLVED, 40, untimed=True), episodes=later), M.RESOLVED) == at(40)
    assert milestone(folded(event(K.RESOLVED, 40, untimed=True), episodes=[episode(0)]), M.RESOLVED) == at(40)


def test_it_takes_the_click_where_people_had_reopened_it_since_the_alerts_ended():
    events = [event(K.REOPENED, 35), event(K.RESOLVED, 40, untimed=True)]
    assert milestone(folded(*events, episodes=[episode(0, 30)]), M.RESOLVED) == at(40)


def test_it_is_over_without_a_recovery_where_the_end_is_unknown():
    incident = folded(event(K.ACKNOWLEDGED, 90), episodes=[episode(0, 0, end_unknown=True)])
    assert (incident.phase, incident.resolution_source) == (Phase.RESOLVED, ResolutionSource.STALE)
    assert milestone(incident, M.RESOLVED) is None
    assert incident.stale_at is None
    assert set(measured(incident).intervals) == {Indicator.ACKNOWLEDGE}


def test_it_takes_the_word_of_people_for_an_unknown_end():
    incident = folded(event(K.RESOLVED, 45), episodes=[episode(0, 0, end_unknown=True)])
    assert (milestone(incident, M.RESOLVED), incident.resolution_source) == (at(45), ResolutionSource.HUMAN)


# -- who acted, and what follows a correction --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [K.ACKNOWLEDGED, K.MITIGATED, K.RESOLVED])
def test_it_takes_no_act_of_a_machine_for_a_response(kind):
    assert milestone(detected(event(kind, 5, data={"automated": True})), M.ACKNOWLEDGED) is None


def test_it_derives_the_response_from_the_corrected_mitigation():
    assert milestone(detected(event(K.MITIGATED, 20), correction(M.MITIGATED, 7)), M.ACKNOWLEDGED) == at(7)


def test_it_derives_the_response_from_the_corrected_resolution():
    assert milestone(detected(event(K.RESOLVED, 20), correction(M.RESOLVED, 7)), M.ACKNOWLEDGED) == at(7)


def test_it_derives_the_draft_from_the_corrected_final():
    incident = detected(event(K.POSTMORTEM_FINALIZED, 90), correction(M.FINALIZED, 60, 95))
    assert (milestone(incident, M.DRAFTED), milestone(incident, M.FINALIZED)) == (at(60), at(60))


# -- reopening ---------------------------------------------------------------------------------------------------------


def test_it_takes_back_the_dismissal_and_leaves_the_recovery():
    events = [event(K.MITIGATED, 5), event(K.RESOLVED, 10), event(K.DISMISSED, 11), event(K.REOPENED, 12)]
    incident = detected(*events)
    assert (incident.phase, milestone(incident, M.RESOLVED)) == (Phase.RESOLVED, at(10))


def test_it_takes_back_recovery_and_mitigation_where_nothing_was_dismissed():
    incident = detected(event(K.MITIGATED, 5), event(K.RESOLVED, 10), event(K.REOPENED, 12))
    assert incident.phase is Phase.ACKNOWLEDGED
    assert (milestone(incident, M.MITIGATED), milestone(incident, M.ACKNOWLEDGED)) == (None, at(5))


def test_it_keeps_the_mitigation_when_an_alert_fires_again():
    fired = [episode(0, 10), episode(15, id=2)]
    incident = folded(event(K.MITIGATED, 5), event(K.RESOLVED, 9), episodes=fired)
    assert (incident.phase, milestone(incident, M.MITIGATED)) == (Phase.MITIGATED, at(5))


def test_it_records_what_happens_while_it_is_dismissed_until_that_is_taken_back():
    events = [event(K.DISMISSED, 5), event(K.ACKNOWLEDGED, 6), event(K.RESOLVED, 30)]
    assert detected(*events).phase is Phase.DISMISSED
    back = detected(*events, event(K.REOPENED, 40))
    assert (back.phase, milestone(back, M.RESOLVED)) == (Phase.RESOLVED, at(30))


# -- severity and deadlines --------------------------------------------------------------------------------------------


def due(incident: Incident):
    return {d.stage: d.due_at for d in incident.deadlines}


def test_it_has_the_worst_severity_of_its_alerts():
    alerts = [episode(0, 5, severity=Severity.SEV_2), episode(0, id=2, severity=Severity.SEV_3)]
    assert folded(episodes=alerts).severity is Severity.SEV_2


def test_it_believes_the_latest_word_of_people_about_the_severity():
    milder = event(K.SEVERITY_CHANGED, 9, severity=Severity.SEV_4)
    worse = event(K.SEVERITY_CHANGED, 5, severity=Severity.SEV_1)
    assert folded(milder, worse, episodes=[episode(0)]).severity is Severity.SEV_4


def test_it_has_the_default_severity_where_nobody_said_one():
    assert folded().severity is Severity.SEV_3


def test_it_reckons_deadlines_from_the_start():
    incident = detected(event(K.STARTED, -30, severity=Severity.SEV_1))
    assert due(incident) == {Stage.DRAFT: at(-30) + 12 * HOUR, Stage.FINAL: at(-30) + 48 * HOUR}


def test_it_reckons_deadlines_from_the_detection_where_the_start_is_unknown():
    assert due(folded(episodes=[episode(5)])) == {Stage.DRAFT: at(5) + 24 * HOUR, Stage.FINAL: at(5) + 72 * HOUR}


def test_it_reckons_deadlines_from_the_first_word_where_neither_is_known():
    assert folded(event(K.NOTE, 7, data={"text": "hm"}), event(K.ACKNOWLEDGED, 9)).deadlines_from == at(7)


def test_it_recomputes_deadlines_when_the_severity_changes():
    incident = detected(event(K.SEVERITY_CHANGED, 60, severity=Severity.SEV_1))
    assert due(incident) == {Stage.DRAFT: at(0) + 12 * HOUR, Stage.FINAL: at(0) + 48 * HOUR}


def test_it_owes_a_mild_incident_at_the_next_weekly_review_and_no_draft():
    incident = folded(event(K.DETECTED, severity=Severity.SEV_4))
    assert due(incident) == {Stage.FINAL: REVIEW.next_after(at(0))}


def test_it_has_done_its_draft_with_the_final_document():
    incident = detected(event(K.POSTMORTEM_FINALIZED, 90))
    assert [d.done_at for d in incident.deadlines] == [at(90), at(90)]
    assert milestone(incident, M.DRAFTED) == at(90)


def test_it_is_overdue_only_while_a_stage_is_owed():
    draft, final = detected(event(K.POSTMORTEM_DRAFTED, 90)).deadlines
    late = at(0) + timedelta(days=30)
    assert (draft.overdue(late), final.overdue(late)) == (False, True)
    assert not final.overdue(final.due_at)


def test_it_owes_a_postmortem_after_it_is_resolved():
    assert [d.done_at for d in detected(event(K.RESOLVED, 5)).deadlines] == [None, None]


def test_it_owes_no_postmortem_once_dismissed():
    assert detected(event(K.DISMISSED, 5)).deadlines == ()


# -- corrections -------------------------------------------------------------------------------------------------------


def test_it_moves_a_milestone_that_alerts_gave():
    incident = folded(correction(M.DETECTED, -7), episodes=[episode(0)])
    assert milestone(incident, M.DETECTED) == at(-7)
    assert incident.deadlines_from == at(-7)


@pytest.mark.parametrize("unreported", [M.STARTED, M.DETECTED, M.ACKNOWLEDGED, M.MITIGATED])
def test_it_takes_a_correction_of_what_nobody_reported_for_the_report(unreported):
    assert milestone(folded(correction(unreported, 7), episodes=[episode(9)]), unreported) == at(7)


@pytest.mark.parametrize("unreported", [M.RESOLVED, M.DRAFTED, M.FINALIZED])
def test_it_never_ends_or_finishes_anything_by_a_correction(unreported):
    assert milestone(folded(correction(unreported, 7), episodes=[episode(0)]), unreported) is None


def test_it_moves_a_resolution_that_alerts_gave():
    incident = folded(correction(M.RESOLVED, 8), episodes=[episode(0, 20)])
    assert (milestone(incident, M.RESOLVED), incident.resolution_source) == (at(8), ResolutionSource.ALERTS)


def test_it_may_pass_over_a_last_flicker_of_the_alert():
    flicker = [episode(0, 20), episode(25, 26, id=2)]
    assert milestone(folded(correction(M.RESOLVED, 20, 60), episodes=flicker), M.RESOLVED) == at(20)


def test_it_forgets_a_corrected_resolution_when_people_reopen_after_it():
    events = [event(K.RESOLVED, 30), correction(M.RESOLVED, 25, 31), event(K.REOPENED, 40)]
    assert milestone(detected(*events), M.RESOLVED) is None
    assert milestone(detected(*events, event(K.RESOLVED, 70)), M.RESOLVED) == at(70)


def test_it_forgets_a_corrected_resolution_when_the_alert_fires_again():
    """Or the second recovery would be told at the time of the first, and the MTTR too short."""
    fixed = correction(M.RESOLVED, 4, 6)
    assert milestone(folded(fixed, episodes=[episode(0, 5), episode(10, id=2)]), M.RESOLVED) is None
    assert milestone(folded(fixed, episodes=[episode(0, 5), episode(10, 20, id=2)]), M.RESOLVED) == at(20)


def test_it_ignores_a_corrected_resolution_of_what_is_not_resolved():
    assert folded(correction(M.RESOLVED, 8), episodes=[episode(0)]).phase is Phase.DETECTED


def test_it_takes_back_a_resolution_that_is_retracted():
    events = [event(K.RESOLVED, 30), event(K.RETRACTED, 31, data={"event_id": "resolved-30"})]
    assert detected(*events).phase is Phase.DETECTED


def test_it_is_dismissed_when_all_that_was_told_of_it_is_withdrawn():
    incident = detected(event(K.RETRACTED, 5, data={"event_id": "detected-0"}))
    assert (incident.phase, dict(incident.milestones), incident.withdrawn) == (Phase.DISMISSED, {}, True)
    assert incident.deadlines == ()


def test_it_moves_its_deadlines_with_a_corrected_start():
    events = [
        event(K.STARTED, -30),
        event(K.CORRECTED, 9, data={"event_id": "started--30", "occurred_at": at(-90).isoformat()}),
    ]
    assert detected(*events).deadlines_from == at(-90)


# -- what is said of the incident --------------------------------------------------------------------------------------


def test_it_bears_the_latest_title_that_people_gave():
    events = [event(K.DETECTED, title="Checkout broken"), event(K.NOTE, 5, title="Payments down", data={"text": "x"})]
    assert folded(*events, episodes=[episode(0)]).title == "Payments down"


def test_it_bears_the_summary_of_its_first_alert_else_its_name():
    first = episode(0, annotations={"summary": "Many 500s"})
    assert folded(episodes=[episode(3, id=2), first]).title == "Many 500s"
    assert folded(episodes=[episode(0)]).title == "CheckoutErrors"


def test_it_has_a_title_where_nobody_gave_one():
    assert folded().title == "Untitled incident"


def test_it_collects_types_and_domains_from_events_and_labels():
    detection = event(K.DETECTED, types=(IncidentType.API,), domains=(Domain.SEC,))
    labelled = episode(0, labels={"incident_type": "model, execution,nonsense", "incident_domain": "Do"})
    incident = folded(detection, episodes=[labelled])
    assert incident.types == (IncidentType.EXECUTION, IncidentType.MODEL, IncidentType.API)
    assert incident.domains == (Domain.DO, Domain.SEC)


def test_it_has_the_labels_that_all_alerts_share_and_those_that_events_add():
    alerts = [episode(0, labels={"team": "pay", "pod": "a"}), episode(0, id=2, labels={"team": "pay", "pod": "b"})]
    notes = [
        event(K.NOTE, 1, labels={"region": "tokyo"}, data={"text": "x"}),
        event(K.NOTE, 2, labels={"team": "core"}),
    ]
    assert folded(*notes[:1], episodes=alerts).labels == {"team": "pay", "region": "tokyo"}
    assert folded(*notes, episodes=alerts).labels == {"team": "core", "region": "tokyo"}


def test_it_knows_who_has_which_role_now():
    roles = [("commander", "Aki", 1), ("lead-do", "Ben", 2), ("commander", "Chi", 3)]
    assignments = [event(K.ROLE_ASSIGNED, minutes, data={"role": role, "name": name}) for role, name, minutes in roles]
    assert detected(*reversed(assignments)).roles == {Role.COMMANDER: "Chi", Role.LEAD_DO: "Ben"}


def test_it_leaves_an_incident_to_the_one_it_was_merged_into():
    """A merge says nothing of the incident itself; the episodes move and the events are read together."""
    assert detected(event(K.MERGED, 5, data={"into": "INC-2"})).phase is Phase.DETECTED


# -- any order ---------------------------------------------------------------------------------------------------------

told_kinds = [
    (K.STARTED, {}),
    (K.DETECTED, {}),
    (K.ACKNOWLEDGED, {}),
    (K.MITIGATED, {}),
    (K.RESOLVED, {}),
    (K.RESOLVED, {"automated": True}),
    (K.RESOLVED, {"resolution_source": "stale"}),
    (K.REOPENED, {}),
    (K.DISMISSED, {}),
    (K.SEVERITY_CHANGED, {}),
    (K.ROLE_ASSIGNED, {"role": "commander", "name": "Aki"}),
    (K.ROLE_ASSIGNED, {"role": "lead-sec", "name": "Ben"}),
    (K.NOTE, {"text": "x"}),
    (K.MERGED, {"into": "INC-2"}),
    (K.POSTMORTEM_DRAFTED, {}),
    (K.POSTMORTEM_FINALIZED, {}),
    (K.ACTION_OPENED, {"action_id": "a", "due_at": at(900).isoformat()}),
    (K.ACTION_COMPLETED, {"action_id": "a"}),
    (K.ACTION_VERIFIED, {"action_id": "b"}),
]
SEVERITIES = [None, *Severity]


@st.composite
def days(draw):
    """All that is told of an incident in a day: events, corrections and retractions of all of them, and its alerts."""
    count = draw(st.integers(1, 8))
    events = []
    for number in range(count):
        minutes, late = draw(st.integers(0, 60)), draw(st.integers(0, 30))
        shape = draw(st.sampled_from(["plain", "plain", "retracted", "corrected", "pinned"]))
        kind, data = draw(st.sampled_from(told_kinds))
        target = str(draw(st.integers(0, count)))
        fixed = at(draw(st.integers(0, 60))).isoformat()
        if shape == "retracted":
            kind, data = K.RETRACTED, {"event_id": target}
        elif shape == "corrected":
            kind, data = K.CORRECTED, {"event_id": target, "occurred_at": fixed}
        elif shape == "pinned":
            kind, data = K.CORRECTED, {"milestone": draw(st.sampled_from(Milestone)).value, "occurred_at": fixed}
        severity = draw(st.sampled_from(SEVERITIES))
        events.append(
            event(kind, minutes, event_id=str(number), recorded_at=at(minutes + late), severity=severity, data=data)
        )
    fired = [
        episode(draw(st.integers(0, 40)), draw(st.none() | st.integers(40, 80)), id=number, fingerprint=str(number))
        for number in range(draw(st.integers(0, 2)))
    ]
    return events, fired


@given(days(), st.data())
def test_it_is_the_same_incident_whatever_the_order_of_a_day(day, data):
    events, fired = day
    straight = folded(*events, episodes=fired)
    shuffled = folded(*data.draw(st.permutations(events)), episodes=data.draw(st.permutations(fired)))
    assert shuffled == straight


@given(days())
def test_it_holds_together_whatever_happens(day):
    events, fired = day
    incident = folded(*events, episodes=fired)
    assert incident.is_open == (incident.stale_at is not None) == (incident.phase in OPEN_PHASES)
    assert (incident.phase is Phase.DISMISSED) == (incident.dismissed_at is not None)
    assert (incident.resolution_source is None) == (Milestone.RESOLVED not in incident.milestones)
    assert all(interval >= timedelta(0) for interval in measured(incident).intervals.values())


def test_nothing_is_owed_where_the_deadlines_were_waived():
    waived = event(K.POSTMORTEM_CHECKED, 0, data={"checks": {"deadline": "not_needed"}})
    waived_incident = fold(1, [event(K.DETECTED, 0), waived], (), policy(), at(0))
    assert waived_incident.deadlines == ()
    assert definition_of_done(waived_incident, at(10**6))[Check.DEADLINE] is CheckState.NOT_NEEDED


def test_it_forgets_a_corrected_mitigation_that_a_later_reopening_took_back():
    events = [event(K.MITIGATED, 5), correction(M.MITIGATED, 6, 7), event(K.REOPENED, 20)]
    assert milestone(detected(*events), M.MITIGATED) is None


def test_it_is_final_at_the_earliest_final_document():
    incident = detected(
        event(K.POSTMORTEM_FINALIZED, 90, event_id="b"), event(K.POSTMORTEM_FINALIZED, 60, event_id="a")
    )
    assert milestone(incident, M.FINALIZED) == at(60)


def test_a_reopening_takes_back_a_mitigation_that_was_corrected_to_its_instant():
    incident = detected(event(K.MITIGATED, 5), event(K.RESOLVED, 8), event(K.REOPENED, 20), correction(M.MITIGATED, 20))
    assert milestone(incident, M.MITIGATED) is None
    later = detected(event(K.MITIGATED, 5), event(K.RESOLVED, 8), event(K.REOPENED, 20), correction(M.MITIGATED, 21))
    assert milestone(later, M.MITIGATED) == at(21)


def test_it_is_outlived_by_one_alert_among_others_that_are_over():
    assert folded(event(K.RESOLVED, 5), episodes=[episode(0, 4), episode(0, id=2)]).outlived_at == at(20)
