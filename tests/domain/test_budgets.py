"""What an incident cost: from when to when, and which measurements of it count."""

from service.domain.budgets import (
    Impact,
    Slo,
    budget_measured,
    budgets_spent,
    impact_of,
)
from service.domain.description import label_values
from service.domain.events import EventKind
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from tests.builders import at, episode, event, policy

M = Milestone
HUMAN = ResolutionSource.HUMAN


def test_the_impact_runs_from_its_start_or_else_the_detection_to_the_recovery():
    impact = impact_of({M.STARTED: at(0), M.DETECTED: at(5), M.RESOLVED: at(31)}, HUMAN)
    assert impact == Impact(at(0), at(31))
    assert impact_of({M.DETECTED: at(5), M.RESOLVED: at(31)}, HUMAN) == Impact(at(5), at(31))


def test_there_is_no_impact_without_a_known_length():
    assert impact_of({M.DETECTED: at(5)}, None) is None
    assert impact_of({M.RESOLVED: at(5)}, HUMAN) is None
    assert impact_of({M.DETECTED: at(5), M.RESOLVED: at(5)}, HUMAN) is None
    assert impact_of({M.DETECTED: at(5), M.RESOLVED: at(31)}, ResolutionSource.STALE) is None


def test_an_objective_concerns_incidents_of_its_severities_and_labels():
    every, some = Slo("a", "q"), Slo("b", "q", frozenset([Severity.SEV_1]), {"service": "checkout"})
    labels = {"service": frozenset(["checkout", "cart"])}
    assert every.concerns(Severity.SEV_4, {})
    assert some.concerns(Severity.SEV_1, labels)
    assert not some.concerns(Severity.SEV_2, labels)
    assert not some.concerns(Severity.SEV_1, {"service": frozenset(["cart"])})
    assert not some.concerns(Severity.SEV_1, {})


def history(*events, episodes=()):
    return IncidentHistory(
        id=1,
        recorded=[(1, e) for e in events],
        episodes=episodes,
        opened_at={1: at(0)},
        last_seen_at=at(0),
        policy=policy(),
    )


def test_labels_are_those_of_the_incident_or_else_of_its_alerts():
    alerts = [episode(0, 5, labels={"pod": "a", "service": "x"}), episode(1, 5, labels={"pod": "b"})]
    described = event(EventKind.DETECTED, 0, labels={"service": "checkout"})
    incident = history(described, episodes=alerts).incident
    assert label_values(incident.labels, alerts) == {
        "pod": {"a", "b"},
        "service": {"checkout"},
    }


def test_a_measurement_counts_for_the_impact_that_was_measured():
    impact = Impact(at(0), at(31))
    measured = budget_measured("checkout", impact, 0.42, "q", at(60))
    detected, resolved = event(EventKind.DETECTED, 0), event(EventKind.RESOLVED, 31)
    assert measured.occurred_at == at(31)
    assert history(detected, resolved, measured).incident.error_budgets == {"checkout": 0.42}
    assert budgets_spent([measured], Impact(at(0), at(32))) == {}
    assert budgets_spent([measured], None) == {}


def test_the_id_is_that_of_the_objective_and_the_impact():
    impact = Impact(at(0), at(31))
    again = budget_measured("checkout", impact, 0.5, "q", at(90))
    assert again.event_id == budget_measured("checkout", impact, 0.42, "q", at(60)).event_id
    assert again.event_id != budget_measured("cart", impact, 0.42, "q", at(60)).event_id
