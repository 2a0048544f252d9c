"""What incidents spent of the error budgets: by incident, by severity and by dimension."""

import pytest

from service.domain.budgets import Impact, Slo, budget_measured
from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import at, event
from tests.metrics.world import World

SPENT, TOTAL = "mttx_incident_error_budget_spent_ratio", "mttx_error_budget_spent_ratio_total"
OF_TEAMS = "mttx_breakdown_error_budget_spent_ratio"
OBJECTIVES = (Slo("api", "q"), Slo("web", "q", frozenset([Severity.SEV_1])))
DAY = 24 * 60


class Scene(World):
    """Incidents of half an hour each, from the minute that is given."""

    def resolved(self, minute=0, severity=Severity.SEV_2, **labels):
        detected = event(K.DETECTED, minute, severity=severity, labels=labels)
        return self.open(detected, event(K.RESOLVED, minute + 30, data={"automated": True}))

    def measure(self, incident_id, spent_ratio, slo="api", minute=0):
        measured = budget_measured(slo, Impact(at(minute), at(minute + 30)), spent_ratio, "q", at(minute + 60))
        self.tell(incident_id, measured.kind, minute + 30, event_id=measured.event_id, data=dict(measured.data))

    def spent(self):
        return {(s["incident"], s["slo"]): self.value(SPENT, **s) for s in self.series(SPENT)}

    def total(self, slo="api", severity="SEV-2"):
        return self.value(TOTAL, slo=slo, incident_severity=severity)

    def of_teams(self, window="30d"):
        wanted = (s for s in self.series(OF_TEAMS) if (s["window"], s["dimension"]) == (window, "team"))
        return {(s["value"], s["slo"]): self.value(OF_TEAMS, **s) for s in wanted}


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path / "mttx.db", cap=2, objectives=OBJECTIVES)
    yield made
    made.close()


def test_totals_of_what_is_measured_begin_at_0(scene):
    severities = {(s["slo"], s["incident_severity"]) for s in scene.series(TOTAL)}
    assert severities == {*(("api", s.value) for s in Severity), ("web", "SEV-1")}
    assert scene.total() == 0
    assert scene.spent() == {}


def test_each_incident_adds_its_first_measurement_to_the_total(scene):
    first, second = scene.resolved(), scene.resolved(5)
    scene.measure(first, 0.25)
    scene.measure(second, 0.5, minute=5)
    assert scene.spent() == {("INC-1", "api"): 0.25, ("INC-2", "api"): 0.5}
    assert scene.total() == 0.75


def test_a_corrected_time_changes_the_incident_and_not_the_total(scene):
    incident_id = scene.resolved(20)
    scene.measure(incident_id, 0.25, minute=20)
    scene.tell(incident_id, K.CORRECTED, 100, data={"milestone": "detected", "occurred_at": at(0).isoformat()})
    assert scene.spent() == {}
    measured = budget_measured("api", Impact(at(0), at(50)), 0.5, "q", at(120))
    scene.tell(incident_id, measured.kind, 50, event_id=measured.event_id, data=dict(measured.data))
    assert scene.spent() == {("INC-1", "api"): 0.5}
    assert scene.total() == 0.25


def test_a_merged_incident_is_not_counted_twice(scene):
    first, second = scene.resolved(), scene.resolved()
    scene.measure(first, 0.25)
    scene.tell(first, K.MERGED, 100, data={"into": f"INC-{second}"})
    assert scene.spent() == {("INC-2", "api"): 0.25}
    scene.measure(second, 0.5)
    assert scene.total() == 0.25


def test_a_dismissed_incident_spent_nothing_but_stays_in_the_total(scene):
    incident_id = scene.resolved()
    scene.measure(incident_id, 0.25)
    scene.tell(incident_id, K.DISMISSED, 100)
    assert scene.spent() == {}
    assert scene.total() == 0.25


def test_the_latest_are_listed_and_the_others_counted(scene):
    for minute in (0, 1, 2):
        scene.measure(scene.resolved(minute), 0.1 * (minute + 1), minute=minute)
    assert [incident for incident, _ in scene.spent()] == ["INC-3", "INC-2"]
    assert scene.value("mttx_series_capped", metric=SPENT) == 1
    scene.minutes = 31 * DAY
    assert scene.spent() == {}
    assert scene.value("mttx_series_capped", metric=SPENT) == 0


def test_teams_spent_what_their_incidents_of_the_window_did(scene):
    for minute, team in enumerate(["payments", "payments", "search", "infra", ""]):
        scene.measure(scene.resolved(minute, team=team), 0.25 + minute, minute=minute)
    scene.measure(1, 0.5, slo="web")
    assert scene.of_teams() == {
        ("payments", "api"): 1.5,
        ("payments", "web"): 0.5,
        ("infra", "api"): 3.25,
        ("other", "api"): 2.25,
        ("", "api"): 4.25,
    }
    scene.minutes = 8 * DAY
    assert scene.of_teams("7d") == {}
    assert sum(scene.of_teams().values()) == scene.total() + scene.total("web")
