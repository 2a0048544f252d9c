"""From a document and its history to events: what is sent, when it happened, and that sending it again is not needed."""

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.actions import Action, ActionState
from service.domain.checks import Check, CheckState
from service.domain.events import EventKind as K
from service.domain.policy import Milestone
from service.postmortems.plan import PostmortemRecord, Version, plan
from tests.postmortems.documents import DRAFT, FINAL, context, document, edited

NOW = datetime(2025, 9, 10, 12, tzinfo=UTC)
NO_STATUS = FINAL.replace("Final", "Later", 1)


def day(number, hour=0):
    return datetime(2025, 8, number, hour, tzinfo=UTC)


def history(*versions):
    """Versions from pairs of a time and a text."""
    return [Version(at, document(text)) for at, text in versions]


def recorded(**changes):
    return PostmortemRecord(**{"milestones": {}, "actions": {}, "checks": {}, **changes})


def planned(versions, of=None, checks=None, **terms):
    return plan(versions, of or recorded(), checks or {}, context(**terms), NOW)


def dated(made, *kinds):
    return [(r.kind, r.occurred_at) for r in made.events if not kinds or r.kind in kinds]


def state(text):
    """The document with this in the cell of the state of A-02, which A-01 does not have."""
    return edited("| 未着手 |", f"| {text} |")


def of_a02(made):
    return {r.kind: r.occurred_at for r in made.events if r.data.get("action_id") == "A-02"}


# --- stages ---------------------------------------------------------------------------------------------------------


def test_it_dates_stages_by_the_commits_that_reached_them():
    made = planned(
        history((day(12), NO_STATUS), (day(13), DRAFT), (day(14), DRAFT), (day(15), FINAL), (day(20), FINAL))
    )
    stages = dated(made, K.POSTMORTEM_DRAFTED, K.POSTMORTEM_FINALIZED)
    assert stages == [(K.POSTMORTEM_DRAFTED, day(13)), (K.POSTMORTEM_FINALIZED, day(15))]
    assert made.events[0].data == {"document": "PM-20250812-do-latency.md"}


def test_it_is_final_since_it_was_made_so_for_the_last_time():
    made = planned(history((day(13), FINAL), (day(14), DRAFT), (day(15), FINAL)))
    assert (K.POSTMORTEM_FINALIZED, day(15)) in dated(made)


def test_it_shows_a_status_that_went_back():
    for versions, of in (
        (history((day(13), FINAL), (day(14), DRAFT)), recorded()),
        (history((None, DRAFT)), recorded(milestones={Milestone.FINALIZED: day(13)})),
    ):
        made = planned(versions, of)
        assert K.POSTMORTEM_FINALIZED not in dict(dated(made))
        assert made.notices == ("the status went back from Final to Draft; retract the event if it never was final",)


def test_it_reaches_nothing_without_a_status():
    made = planned(history((day(13), DRAFT), (day(14), NO_STATUS)))
    assert dated(made, K.POSTMORTEM_DRAFTED, K.POSTMORTEM_FINALIZED) == []
    assert made.notices == ("the status is not one of Draft, In Review, Final: no stage is recorded",)


SKELETON = edited("一部の注文が遅延した", "{何が起きたか}", DRAFT)


@pytest.mark.parametrize("text", [SKELETON, FINAL.replace("軽微", "TBD"), FINAL.split("## 2.")[0]])
def test_a_skeleton_reports_nothing_and_says_what_it_lacks(text):
    made = planned(history((day(13), text)), checks={Check.EVIDENCE: CheckState.PENDING})
    assert made.events == ()
    (notice,) = made.notices
    assert ("{何が起きたか}" in notice) or ("TBD" in notice) or ("timeline is missing" in notice)


def test_the_draft_is_dated_by_the_version_that_is_filled_in():
    made = planned(history((day(12), SKELETON), (day(13), edited("Draft", "In Review", DRAFT)), (day(14), DRAFT)))
    assert dated(made, K.POSTMORTEM_DRAFTED) == [(K.POSTMORTEM_DRAFTED, day(13))]


def test_a_final_version_has_nothing_left_to_fill_in():
    left = edited("負荷試験のゲートがなかった", "{ゲート}")
    made = planned(history((day(13), DRAFT), (day(14), left)))
    assert dated(made, K.POSTMORTEM_FINALIZED) == []
    assert "{ゲート}" in made.notices[0]
    later = planned(history((day(13), DRAFT), (day(14), left), (day(15), FINAL)))
    assert dated(later, K.POSTMORTEM_FINALIZED) == [(K.POSTMORTEM_FINALIZED, day(15))]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (SKELETON + "<!-- mttx-disable-file PM405: a quotation -->\n", {}),
        (SKELETON, {"disabled": frozenset({"PM405"})}),
    ],
)
def test_a_placeholder_that_the_lint_accepts_holds_nothing_up(text, terms):
    made = planned(history((day(13), text)), **terms)
    assert dated(made, K.POSTMORTEM_DRAFTED) == [(K.POSTMORTEM_DRAFTED, day(13))]


def test_what_was_a_draft_once_goes_on_reporting_its_actions():
    made = planned(history((day(13), DRAFT), (day(14), SKELETON)))
    assert dated(made, K.POSTMORTEM_DRAFTED, K.ACTION_OPENED)
    assert "{何が起きたか}" in made.notices[0]


def test_it_dates_a_document_without_a_history_now_and_once():
    made = planned(history((None, DRAFT)))
    assert (made.events[0].occurred_at, made.events[0].event_id) == (None, "postmortem:drafted:0")
    again = planned(history((None, DRAFT)), recorded(milestones={Milestone.DRAFTED: day(13)}))
    assert dated(again, K.POSTMORTEM_DRAFTED) == []


def test_it_can_be_final_again_after_the_event_was_retracted():
    of = recorded(event_ids=frozenset({"postmortem:finalized:0"}))
    assert "postmortem:finalized:1" in {r.event_id for r in planned(history((None, FINAL)), of).events}


# --- actions --------------------------------------------------------------------------------------------------------


def test_it_dates_each_action_by_its_last_change():
    earlier = edited("2025-08-22", "2025-08-21")
    made = planned(history((day(13), earlier), (day(14), FINAL), (day(15), FINAL)))
    opened = {r.data["action_id"]: r for r in made.events if r.kind is K.ACTION_OPENED}
    assert (opened["A-01"].occurred_at, opened["A-02"].occurred_at) == (day(13), day(14))
    assert opened["A-02"].data == {
        "action_id": "A-02",
        "title": "キャンセル条件の強化",
        "owner": "Do",
        "due_at": "2025-08-22",
        "action_type": "Code",
        "verification": "契約テストが通る",
    }


def test_it_sends_no_placeholders():
    text = edited("| キャンセル条件の強化 | Do | 2025-08-22", "| キャンセル条件の強化 | {Owner} | {YYYY-MM-DD}")
    made = planned(history((day(13), text)))
    assert made.events[-1].data.keys() == {"action_id", "title", "action_type", "verification"}
    gone = planned(history((day(13), edited("キャンセル条件の強化", "{対策}"))))
    assert {r.data.get("action_id") for r in gone.events} == {None, "A-01"}
    assert planned(history((day(13), FINAL.split("## 6.")[0]))).events[-1].kind is K.POSTMORTEM_FINALIZED


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("完了", {K.ACTION_COMPLETED: day(20)}),
        ("完了 2025-08-19", {K.ACTION_COMPLETED: datetime(2025, 8, 19, 14, 59, 59, tzinfo=UTC)}),
        ("完了 2025-08-20", {K.ACTION_COMPLETED: day(20)}),
        ("検証済", {K.ACTION_VERIFIED: day(20)}),
        (
            "完了 2025-08-18、検証済 2025-08-19",
            {
                K.ACTION_COMPLETED: datetime(2025, 8, 18, 14, 59, 59, tzinfo=UTC),
                K.ACTION_VERIFIED: datetime(2025, 8, 19, 14, 59, 59, tzinfo=UTC),
            },
        ),
    ],
)
def test_it_dates_the_progress_of_an_action(text, events):
    made = of_a02(planned(history((day(13), FINAL), (day(20), state(text)))))
    assert made.pop(K.ACTION_OPENED) == day(13)
    assert made == events


def test_it_remembers_that_a_verified_action_was_completed_before():
    made = of_a02(planned(history((day(13), FINAL), (day(20), state("完了")), (day(21), state("検証済")))))
    assert made == {K.ACTION_OPENED: day(13), K.ACTION_COMPLETED: day(20), K.ACTION_VERIFIED: day(21)}


def test_without_history_it_sends_only_what_changed_in_an_action():
    row = Action(
        action_id="A-02",
        title="キャンセル条件の強化",
        owner="Do",
        action_type="Code",
        verification="契約テストが通る",
        due_at=datetime(2025, 8, 22, 14, 59, 59, tzinfo=UTC),
    )
    assert of_a02(planned(history((None, FINAL)), recorded(actions={"A-02": row}))) == {}
    assert of_a02(planned(history((None, state("完了"))), recorded(actions={"A-02": row}))) == {
        K.ACTION_COMPLETED: None
    }
    other = Action(action_id="A-02", title="別の対策")
    assert of_a02(planned(history((None, FINAL)), recorded(actions={"A-02": other}))) == {K.ACTION_OPENED: None}
    done = Action(action_id="A-02", state=ActionState.VERIFIED)
    assert K.ACTION_COMPLETED not in of_a02(planned(history((None, state("完了"))), recorded(actions={"A-02": done})))


def test_it_dates_a_day_that_is_not_over_now():
    made = planned(history((None, state(f"完了 {NOW.date() + timedelta(days=1)}"))))
    assert of_a02(made)[K.ACTION_COMPLETED] == NOW


def test_it_shows_actions_that_went_back_or_are_gone():
    of = recorded(
        actions={
            "A-01": Action(action_id="A-01", state=ActionState.VERIFIED),
            "A-02": Action(action_id="A-02", state=ActionState.COMPLETED),
            "A-03": Action(action_id="A-03"),
        }
    )
    assert planned(history((day(13), state("たぶん"))), of).notices == (
        "A-01 went back from verified to completed; retract the event if it never was verified",
        "the state of A-02 cannot be read",
        "A-03 is recorded as open but no longer in the document",
    )


def test_it_takes_the_first_of_two_rows_with_the_same_id():
    text = edited("[A-02](https://git.example.com/issues/2)", "A-01")
    assert sum(r.kind is K.ACTION_OPENED for r in planned(history((day(13), text))).events) == 1


# --- checks ---------------------------------------------------------------------------------------------------------


def test_it_sends_the_checks_whose_state_changed():
    of = recorded(checks={Check.EVIDENCE: CheckState.PASSED, Check.ADR: CheckState.PENDING})
    states = {Check.EVIDENCE: CheckState.PASSED, Check.ADR: CheckState.NOT_NEEDED}
    (event,) = [e for e in planned(history((day(13), DRAFT)), of, states).events if e.kind is K.POSTMORTEM_CHECKED]
    assert event.data == {"document": "PM-20250812-do-latency.md", "checks": {"adr": "not_needed"}}
    assert event.occurred_at is None
    same = recorded(checks=states)
    assert K.POSTMORTEM_CHECKED not in dict(dated(planned(history((day(13), DRAFT)), same, states)))


# --- again ----------------------------------------------------------------------------------------------------------


def test_it_sends_nothing_that_was_sent_before():
    versions = history((day(13), DRAFT), (day(15), FINAL), (day(20), state("完了 2025-08-19")))
    first = planned(versions)
    of = recorded(event_ids=frozenset(r.event_id for r in first.events))
    assert len(first.events) == 6
    assert planned(versions, of).events == ()


def test_it_gives_every_event_an_id_of_its_own_that_the_service_takes():
    made = planned(history((day(13), DRAFT), (day(15), FINAL), (day(20), state("完了 2025-08-18、検証済 2025-08-19"))))
    ids = [r.event_id for r in made.events]
    assert len(set(ids)) == len(ids)
    assert all(len(i) <= 200 for i in ids)
