"""The demo's quarter holds something of everything, and is the same each time."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.checks import Check
from service.domain.done import definition_of_done
from service.domain.incident import Phase
from service.domain.policy import Domain, IncidentType, Milestone, Severity, Stage
from service.history.demo.playing import play
from service.history.demo.quarter import INCIDENTS, quarter
from service.settings.model import Settings
from service.store import Store
from service.store.histories import history_of
from service.store.snapshot import snapshot_of
from tests.builders import policy
from tests.house import listed

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
POLICY = Settings().policy()
M = Milestone


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    built = Store.open(f"sqlite:///{tmp_path_factory.mktemp('demo')}/demo.db", POLICY)
    assert play(built, POLICY, quarter(NOW)) > INCIDENTS
    yield built
    built.close()


@pytest.fixture(scope="module")
def incidents(store):
    lines = listed(store)
    return [store.read(history_of, line.id, policy()).incident for line in lines]


def test_it_is_the_same_each_time_and_another_with_another_seed():
    assert quarter(NOW) == quarter(NOW)
    assert quarter(NOW, seed=8) != quarter(NOW)
    later = quarter(NOW + timedelta(days=1))
    assert [step.at - timedelta(days=1) for step in later] == [step.at for step in quarter(NOW)]


@pytest.mark.parametrize("seed", range(1, 3))
def test_any_seed_can_be_played(tmp_path, seed):
    built = Store.open(f"sqlite:///{tmp_path}/demo.db", POLICY)
    try:
        assert play(built, POLICY, quarter(NOW, seed)) > INCIDENTS
    finally:
        built.close()


def test_nothing_of_it_lies_ahead():
    assert all(step.at <= NOW and (step.event is None or step.event.occurred_at <= NOW) for step in quarter(NOW))


def test_it_has_every_severity_type_domain_and_a_dozen_services(incidents):
    assert {i.severity for i in incidents} == set(Severity)
    assert {t for i in incidents for t in i.types} == set(IncidentType)
    assert {d for i in incidents for d in i.domains} == set(Domain)
    assert 8 <= len({i.dimensions.get("service") for i in incidents}) <= 15
    teams = Counter(i.dimensions.get("team", "") for i in incidents)
    assert len(teams) >= 5
    assert teams[""]


def test_people_miss_milestones_as_they_do_elsewhere(incidents):
    over = [i for i in incidents if i.phase is Phase.RESOLVED]
    missing = Counter(m for i in over for m in (M.STARTED, M.ACKNOWLEDGED, M.MITIGATED) if m not in i.milestones)
    assert all(0.05 * len(over) < missing[m] < 0.6 * len(over) for m in (M.STARTED, M.MITIGATED))
    assert missing[M.ACKNOWLEDGED] > 0
    late = [i for i in over if M.MITIGATED in i.milestones and i.milestones[M.MITIGATED] > i.milestones[M.RESOLVED]]
    assert late
    assert {i.resolution_source for i in over} == {"alerts", "human"}


def test_clocks_run(incidents, store):
    open_ = {i.phase for i in incidents if i.is_open}
    assert open_ == {Phase.DETECTED, Phase.ACKNOWLEDGED, Phase.MITIGATED}
    assert store.read(snapshot_of, NOW, 100).stale == 1


def test_postmortems_are_in_every_state(incidents):
    deadlines = [d for i in incidents for d in i.deadlines]
    assert any(d.overdue(NOW) for d in deadlines)
    soon = [d for d in deadlines if d.done_at is None and NOW < d.due_at < NOW + timedelta(hours=12)]
    assert soon
    assert any(d.late for d in deadlines)
    assert sum(1 for d in deadlines if d.done_at and not d.late) > len(deadlines) / 3
    assert {d.stage for d in deadlines} == set(Stage)
    assert any(definition_of_done(i, NOW)[Check.EVIDENCE] == "failed" for i in incidents)


def test_actions_are_in_every_state(incidents):
    actions = [action for i in incidents for action in i.actions]
    assert {action.state for action in actions} == {"open", "completed", "verified"}
    assert any(action.overdue(NOW) for action in actions)


def test_some_were_none_some_came_back_and_one_was_two(incidents, store):
    assert any(i.phase is Phase.DISMISSED for i in incidents)
    kinds = Counter(e.kind for i in incidents for e in store.read(history_of, i.id, policy()).events)
    assert kinds["reopened"] > 0
    assert kinds["merged"] == 1
    assert kinds["role_assigned"] > 10
