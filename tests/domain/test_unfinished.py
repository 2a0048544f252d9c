"""Which intervals of an incident run on, and which limits they have passed."""

from datetime import timedelta

from service.domain.policy import Indicator, Milestone, Severity, Stage, Statistic, Target
from service.domain.unfinished import Unfinished, unfinished
from tests.builders import at, policy

MINUTE = timedelta(minutes=1)
TARGETS = (
    Target(Indicator.ACKNOWLEDGE, Statistic.P95, 10 * MINUTE),
    Target(Indicator.ACKNOWLEDGE, Statistic.P95, 20 * MINUTE, Severity.SEV_2),
    Target(Indicator.ACKNOWLEDGE, Statistic.P95, 30 * MINUTE, Severity.SEV_4),
    Target(Indicator.DRAFT, Statistic.MAX, 60 * MINUTE, Severity.SEV_2),
)


def passed(minute, *, is_open=True, owed=(), targets=TARGETS, **milestones):
    known = {Milestone(name): at(minutes) for name, minutes in milestones.items()}
    return {
        interval.indicator: interval
        for interval in unfinished(
            known,
            is_open=is_open,
            owed=owed,
            severity=Severity.SEV_2,
            policy=policy(targets=targets),
            now=at(minute),
        )
    }


def test_an_open_incident_runs_until_each_of_its_milestones():
    assert set(passed(1, detected=0)) == {Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE}
    assert set(passed(1, detected=0, acknowledged=1)) == {Indicator.MITIGATE, Indicator.RESOLVE}
    assert passed(1, is_open=False, detected=0) == {}
    assert passed(1) == {}


def test_it_passes_a_limit_after_it_and_not_at_it():
    def limits(minute):
        interval = passed(minute, detected=0)[Indicator.ACKNOWLEDGE]
        return interval.overall, interval.severity, interval.longest

    assert [limits(minute) for minute in (10, 11, 20, 21, 30, 31)] == [
        (False, False, False),
        (True, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, False),
        (True, True, True),
    ]


def test_what_has_no_target_is_only_unfinished():
    assert passed(1, detected=0)[Indicator.MITIGATE] == Unfinished(
        Indicator.MITIGATE, overall=False, severity=False, longest=True
    )


def test_an_owed_postmortem_runs_from_where_its_deadline_runs():
    owed = {"is_open": False, "owed": (Stage.DRAFT,), "detected": 5, "resolved": 9}
    assert passed(61, **owed)[Indicator.DRAFT].severity is False
    assert passed(61, started=0, **owed)[Indicator.DRAFT].severity is True
    assert set(passed(61, **owed)) == {Indicator.DRAFT}
