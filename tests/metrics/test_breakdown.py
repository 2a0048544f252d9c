"""The metrics by dimension: named values, the rest together, and what they sum to."""

import pytest

from service.domain.breakdown import Dimension
from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import alert, at, event, policy
from tests.metrics.world import World


@pytest.fixture
def teams(tmp_path):
    """Ten incidents: five of payments, two of search, one of infra, one of a team called other, and one of none."""
    made = World(tmp_path / "mttx.db")
    owners = ["payments"] * 5 + ["search"] * 2 + ["infra", "other", ""]
    for n, owner in enumerate(owners):
        made.send(alert(n, n + 9, group=f"g{n}", fingerprint=f"f{n}", labels={"team": owner} if owner else {}))
        made.tell(n + 1, K.ACKNOWLEDGED, n + 2)
    yield made
    made.close()


def counts(world, name="mttx_breakdown_incidents", **labels):
    wanted = {"dimension": "team", "window": "7d", **labels}
    return {
        s["value"]: world.value(name, **s)
        for s in world.series(name)
        if all(s[label] == value for label, value in wanted.items() if label in s)
    }


def test_it_names_the_most_frequent_and_counts_the_rest_together(teams):
    assert counts(teams) == {"payments": 5, "search": 2, "other": 2, "": 1}
    assert teams.value("mttx_breakdown_values_folded", dimension="team") == 2
    assert counts(teams, "mttx_breakdown_indicator_incidents", indicator="acknowledge") == counts(teams)


def test_it_counts_the_resolved_and_those_that_were_only_detected(teams):
    teams.send(alert(100, group="new", fingerprint="new", labels={"team": "search"}))
    assert counts(teams)["search"] == 3
    assert counts(teams, "mttx_breakdown_incidents_resolved")["search"] == 2


def test_the_values_sum_to_all(teams):
    every = teams.value("mttx_indicator_incidents", indicator="resolve", window="7d")
    assert sum(counts(teams, "mttx_breakdown_indicator_incidents", indicator="resolve").values()) == every == 10
    teams.minutes = 30 * 24 * 60
    overdue = sum(teams.value("mttx_postmortems_overdue", **s) for s in teams.series("mttx_postmortems_overdue"))
    assert sum(counts(teams, "mttx_breakdown_postmortems_overdue").values()) == overdue == 20


def test_a_label_that_people_set_moves_the_incident_at_once(teams):
    teams.tell(10, K.DESCRIBED, 200, labels={"team": "search"})
    assert counts(teams) == {"payments": 5, "search": 3, "other": 2}
    teams.tell(10, K.DESCRIBED, 201, labels={"team": ""})
    assert counts(teams)[""] == 1


def test_a_dimension_without_values_has_no_series(teams):
    assert {s["dimension"] for s in teams.series("mttx_breakdown_incidents")} == {"team"}


def test_it_says_whose_an_incident_is(tmp_path):
    world = World(tmp_path / "mttx.db")
    world.send(alert(0, labels={"team": "a\nb", "service": "決済"}))
    (info,) = world.series("mttx_incident_info")
    assert (info["incident_team"], info["incident_service"]) == ("a b", "決済")
    world.close()


def test_another_configuration_applies_to_the_past_at_once(tmp_path):
    path = tmp_path / "mttx.db"
    before = World(path, policy(breakdown=()))
    before.send(alert(0, 9, labels={"squad": "blue", "team": "x"}))
    assert before.series("mttx_breakdown_incidents") == []
    before.close()
    after = World(path, policy(breakdown=(Dimension("squad", 5),)))
    assert {s["value"] for s in after.series("mttx_breakdown_incidents")} == {"blue"}
    after.close()


def test_it_costs_no_more_series_than_are_named(tmp_path):
    world = World(tmp_path / "mttx.db")
    for n in range(300):
        labels = {"team": f"team-{n}", "service": "x" * 4000 + str(n)}
        world.open(event(K.DETECTED, n, event_id=f"e{n}", labels=labels), event(K.ACKNOWLEDGED, n, event_id=f"a{n}"))
    assert len(counts(world)) == 3
    assert len(counts(world, dimension="service")) == 51
    assert world.value("mttx_breakdown_values_folded", dimension="service") == 250
    world.close()


def test_an_action_of_an_incident_that_owes_nothing_else_has_its_owner(tmp_path):
    world = World(tmp_path / "mttx.db")
    world.send(alert(0, 5, severity=Severity.SEV_3, labels={"team": "payments"}))
    world.tell(1, K.POSTMORTEM_FINALIZED, 20)
    assert world.series("mttx_incident_info") == []
    world.tell(1, K.ACTION_OPENED, 30, data={"action_id": "a", "due_at": at(60).isoformat()})
    assert [s["incident_team"] for s in world.series("mttx_incident_info")] == ["payments"]
    world.close()
