"""What is due next in an open incident."""

from datetime import timedelta

from service.domain.clocks import UPDATE, Due, due_next, urgency
from service.domain.policy import Indicator, Milestone, Severity, Stage
from tests.builders import at, policy


def due(milestones, owed=None, severity=Severity.SEV_1):
    return due_next(milestones, owed or {}, severity, policy(), at(0))


def test_it_counts_from_the_detection_to_each_target_and_puts_the_most_urgent_first():
    dues = due({Milestone.DETECTED: at(0)}, {Stage.DRAFT: at(60)})
    assert dues == (
        Due(Indicator.ACKNOWLEDGE, at(10)),
        Due(Stage.DRAFT, at(60)),
        Due(Indicator.RESOLVE, at(120)),
    )


def test_what_was_reached_is_due_no_more():
    dues = due({Milestone.DETECTED: at(0), Milestone.ACKNOWLEDGED: at(3)})
    assert [item.what for item in dues] == [Indicator.RESOLVE]


def test_without_a_detection_nothing_runs_but_the_deadlines():
    assert due({}, {Stage.FINAL: at(5)}) == (Due(Stage.FINAL, at(5)),)


def test_resolve_runs_from_the_start_where_the_team_says_so():
    dues = due_next(
        {Milestone.STARTED: at(-5), Milestone.DETECTED: at(0), Milestone.ACKNOWLEDGED: at(1)},
        {},
        Severity.SEV_1,
        policy(resolve_from=Milestone.STARTED),
        at(0),
    )
    assert dues == (Due(Indicator.RESOLVE, at(115)),)


def test_it_is_overdue_from_the_moment_on():
    assert Due(Stage.DRAFT, at(1)).overdue(at(2))
    assert not Due(Stage.DRAFT, at(1)).overdue(at(1))


def test_people_are_owed_the_next_word_where_it_was_promised():
    promised = policy(updates={Severity.SEV_2: timedelta(minutes=30)})
    dues = due_next({}, {}, Severity.SEV_2, promised, at(7))
    assert dues == (Due(UPDATE, at(37)),)
    assert due_next({}, {}, Severity.SEV_3, promised, at(7)) == ()


def test_without_a_last_update_there_is_no_next_one():
    promised = policy(updates={Severity.SEV_2: timedelta(minutes=30)})
    assert due_next({}, {}, Severity.SEV_2, promised, None) == ()


def test_the_worst_severity_is_most_urgent_then_the_clock_that_runs_out_next():
    soon, later = (Due(Stage.DRAFT, at(1)),), (Due(Stage.DRAFT, at(2)),)
    assert urgency(Severity.SEV_1, later, 1) < urgency(Severity.SEV_2, soon, 2)
    assert urgency(Severity.SEV_1, soon, 1) < urgency(Severity.SEV_1, later, 2)
    assert urgency(Severity.SEV_1, later, 1) < urgency(Severity.SEV_1, (), 3) < urgency(Severity.SEV_1, (), 2)
