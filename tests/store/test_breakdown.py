"""Dimensions in the database: filters, values, and the indexes that follow the configuration."""

import pytest
from sqlalchemy import create_engine, text

from service.domain.breakdown import Dimension
from service.domain.events import EventKind as K
from service.store.breakdown import distinct_values
from service.store.incidents import IncidentFilter, incident_page
from service.store.overview import overdue_counts, overview_of
from service.store.recent import Selection, detected_only, visit_recent
from tests.builders import at, event, policy
from tests.house import House

HOSTILE = "o'brien\"; DROP TABLE incidents -- %s :x \\"


@pytest.fixture
def teams(house):
    """Four incidents: two of payments, one of a team with a hostile name, one of none."""
    for n, team in enumerate(["payments", HOSTILE, "payments", ""]):
        house.open(event(K.DETECTED, n, event_id=f"e{n}", labels={"team": team, "weird name": "x"} if team else {}))
    return house


def found(house, **dimensions):
    return [row.id for row in house.store.read(incident_page, IncidentFilter(dimensions=dimensions)).rows]


def test_it_filters_by_value_and_by_none(teams):
    assert found(teams, team="payments") == [3, 1]
    assert found(teams, team=HOSTILE) == [2]
    assert found(teams, team="") == [4]
    assert found(teams, team="payments", service="api") == []


def test_it_filters_by_any_label_even_one_without_an_index(teams):
    assert found(teams, never_configured="") == [4, 3, 2, 1]


def test_it_knows_the_values_in_order(teams):
    assert teams.store.read(distinct_values, "team", 9) == sorted([HOSTILE, "payments"])
    assert teams.store.read(distinct_values, "team", 1) == sorted([HOSTILE, "payments"])[:1]
    assert teams.store.read(distinct_values, "service", 9) == []


def test_the_first_page_shows_what_is_selected(teams):
    teams.tell(1, K.ACTION_OPENED, 5, data={"action_id": "a", "title": "x", "due_at": at(6).isoformat()})
    board = teams.store.read(overview_of, policy(), at(60 * 24 * 30), 10, dimensions={"team": "payments"})
    assert {row.id for row in board.open} == {1, 3}
    assert (board.open_count, board.stages_count, board.actions_count) == (2, 4, 1)
    others = teams.store.read(overview_of, policy(), at(60 * 24 * 30), 10, dimensions={"team": ""})
    assert (others.open_count, others.stages_count, others.actions_count) == (1, 2, 0)
    late = teams.store.read(overdue_counts, at(60 * 24 * 30), dimensions={"team": "payments"})
    assert (late.stages, late.actions) == (4, 1)


def test_statistics_read_the_values_and_only_what_is_selected(teams):
    teams.tell(1, K.ACKNOWLEDGED, 9)
    seen = []
    selection = Selection(since=at(-1), labels=["team", "service"])
    teams.store.read(visit_recent, selection, seen.append)
    assert [incident.values for incident in seen] == [("payments", "")]
    counts = teams.store.read(detected_only, selection, [at(2), at(-1)])
    assert sorted((count.values[0], count.numbers) for count in counts) == [
        ("", (1, 1)),
        (HOSTILE, (0, 1)),
        ("payments", (0, 1)),
    ]
    seen.clear()
    teams.store.read(visit_recent, Selection(since=at(-1), until=at(0)), seen.append)
    teams.store.read(visit_recent, Selection(since=at(-1), dimensions={"team": HOSTILE}), seen.append)
    assert seen == []


def test_the_indexes_follow_the_configuration_and_serve_the_filter(database_url):
    for labels in (("team", "service"), ("squad",), ()):
        house = House(database_url, policy(breakdown=tuple(Dimension(label, 5) for label in labels)))
        assert indexes(house) == {f"ix_incidents_by_{label}" for label in labels}
        house.close()


def test_sqlite_walks_the_index_in_the_order_of_the_list(tmp_path):
    house = House(tmp_path / "mttx.db")
    query = "SELECT id FROM incidents WHERE coalesce(json_extract(dimensions, '$.team'), '') = 'x' ORDER BY id DESC"
    plan = " ".join(str(row) for row in house.rows(f"EXPLAIN QUERY PLAN {query}"))
    assert "ix_incidents_by_team" in plan
    assert "TEMP B-TREE" not in plan
    house.close()


def indexes(house):
    names = "SELECT name FROM sqlite_master WHERE type = 'index'"
    if house.url.startswith("postgresql"):
        names = "SELECT indexname FROM pg_indexes"
    engine = create_engine(house.url)
    with engine.connect() as connection:
        found = {name for name in connection.scalars(text(names)) if name.startswith("ix_incidents_by_")}
    engine.dispose()
    return found
