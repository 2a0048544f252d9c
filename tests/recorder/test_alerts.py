"""From alerts to incidents, through the recorder and a real SQLite file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.episodes import spans
from service.domain.events import Alert, EventKind
from service.domain.incident import Phase, ResolutionSource
from service.domain.policy import Milestone
from service.recorder.commands import AppendEvent, CloseStale, RecordAlerts
from service.recorder.writer import Recorder
from service.store import Store
from tests.builders import alert, at, delivery, event, observation, policy


class House:
    """A store and its recorder."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(f"sqlite:///{path}", policy())
        self.recorder = Recorder(self.store, policy())

    def send(self, *alerts: Alert, received: float = 600) -> list[int]:
        outcomes = self.recorder.submit(RecordAlerts(alerts, delivery(received)))
        return [o.incident_id for o in outcomes]

    def get(self, incident_id: int):
        record = self.store.incident(incident_id)
        assert record is not None
        return record

    def intervals(self) -> list[tuple[float, float | None]]:
        """All incidents as minutes from detection to resolution, sorted."""
        page = self.store.incidents(now=at(0), limit=1000)
        found = []
        for line in page.lines:
            resolved = line.milestones.get(Milestone.RESOLVED)
            detected = line.milestones[Milestone.DETECTED]
            found.append((minutes(detected), None if resolved is None else minutes(resolved)))
        return sorted(found, key=str)

    def close(self) -> None:
        self.recorder.close()
        self.store.close()


def minutes(instant) -> float:
    return (instant - at(0)).total_seconds() / 60


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path / "mttx.db")
    yield built
    built.close()


def test_it_opens_an_incident_for_a_firing_alert(house: House) -> None:
    assert house.send(alert(0)) == [1]
    assert house.get(1).incident.phase is Phase.DETECTED
    assert house.get(1).incident.milestones == {Milestone.DETECTED: at(0)}


def test_it_resolves_when_the_alert_does(house: House) -> None:
    house.send(alert(0))
    assert house.send(alert(0, 5)) == [1]
    assert house.get(1).incident.milestones[Milestone.RESOLVED] == at(5)
    assert house.get(1).incident.resolution_source is ResolutionSource.ALERTS


def test_it_changes_nothing_for_a_repeat(house: House) -> None:
    house.send(alert(0))
    before = house.get(1)
    house.send(alert(0), received=600.5)
    assert house.get(1) == before


def test_it_does_not_reopen_for_a_late_firing_of_what_resolved(house: House) -> None:
    house.send(alert(0, 5))
    house.send(alert(0))
    house.send(alert(3))
    assert house.intervals() == [(0, 5)]


def test_it_lets_a_start_move_earlier_and_never_later(house: House) -> None:
    house.send(alert(10))
    house.send(alert(4))
    house.send(alert(12))
    assert house.intervals() == [(4, None)]


def test_it_opens_a_closed_incident_for_a_resolved_without_a_firing(house: House) -> None:
    house.send(alert(0, 5))
    assert house.get(1).incident.phase is Phase.RESOLVED


def test_it_keeps_the_first_end(house: House) -> None:
    house.send(alert(0, 5))
    house.send(alert(0, 9))
    assert house.intervals() == [(0, 5)]


def test_it_reopens_within_the_window_and_opens_anew_behind_it(house: House) -> None:
    house.send(alert(0, 5))
    assert house.send(alert(19)) == [1]
    assert house.get(1).incident.phase is Phase.DETECTED
    house.send(alert(19, 21))
    assert house.send(alert(37)) == [2]
    assert house.intervals() == [(0, 21), (37, None)]


def test_it_keeps_groups_apart(house: House) -> None:
    assert house.send(alert(0, group="a", fingerprint="x"), alert(0, group="b", fingerprint="y")) == [1, 2]


def test_it_joins_the_alerts_of_a_group(house: House) -> None:
    assert house.send(alert(0, fingerprint="x"), alert(2, fingerprint="y")) == [1]
    house.send(alert(0, 5, fingerprint="x"))
    assert house.get(1).incident.phase is Phase.DETECTED
    house.send(alert(2, 7, fingerprint="y"))
    assert house.intervals() == [(0, 7)]


def test_it_merges_two_incidents_that_a_late_episode_bridges(house: House) -> None:
    house.send(alert(0, 5, fingerprint="x"))
    house.send(alert(40, 45, fingerprint="y"))
    assert house.send(alert(4, 38, fingerprint="z")) == [1]
    assert house.get(2).merged_into == 1
    assert house.get(2).incident.id == 1
    assert house.intervals() == [(0, 45)]
    assert [e.kind for e in house.get(1).events] == [EventKind.MERGED]


def test_it_splits_what_only_seemed_to_hang_together(house: House) -> None:
    house.send(alert(0))
    house.send(alert(600, fingerprint="y"))
    assert house.intervals() == [(0, None)]
    house.send(alert(0, 5))
    assert house.intervals() == [(0, 5), (600, None)]


def test_it_makes_one_of_alerts_seen_in_two_groups(house: House) -> None:
    house.send(alert(0, group="old"))
    house.send(alert(0, group="new"), alert(1, group="new", fingerprint="y"))
    assert house.intervals() == [(0, None)]


def test_it_starts_anew_after_people_closed_what_still_fires(house: House) -> None:
    house.send(alert(0))
    house.recorder.submit(AppendEvent(1, event(EventKind.RESOLVED, 30)))
    assert house.send(alert(100, fingerprint="y")) == [2]
    assert house.send(alert(0, 200)) == [1]
    assert house.intervals() == [(0, 30), (100, None)]


def test_it_keeps_together_what_people_merged(house: House) -> None:
    house.send(alert(0, 5))
    house.send(alert(100))
    house.recorder.submit(AppendEvent(2, event(EventKind.MERGED, 101, data={"into": "INC-1"})))
    assert house.send(alert(100, 110)) == [1]
    assert house.intervals() == [(0, 110)]


def test_it_closes_what_nothing_is_heard_of(house: House) -> None:
    house.send(alert(0), received=0)
    day = 24 * 60
    assert house.recorder.submit(CloseStale(at(day - 1))) == ()
    house.recorder.submit(CloseStale(at(day + 1)))
    incident = house.get(1).incident
    assert incident.resolution_source is ResolutionSource.STALE
    assert incident.milestones[Milestone.RESOLVED] == at(day)
    assert house.send(alert(day + 600), received=day + 600) == [2]


def test_it_takes_a_stale_end_back_when_the_alert_is_heard_again(house: House) -> None:
    day = 24 * 60
    house.send(alert(0), received=0)
    house.recorder.submit(CloseStale(at(day + 1)))
    assert house.send(alert(0), received=2 * day) == [1]
    assert house.get(1).incident.phase is Phase.DETECTED
    house.send(alert(0, 2 * day + 7), received=2 * day + 9)
    assert house.intervals() == [(0, 2 * day + 7)]
    assert house.get(1).incident.resolution_source is ResolutionSource.ALERTS


def test_it_prefers_a_late_resolved_to_a_stale_end(house: House) -> None:
    day = 24 * 60
    house.send(alert(0), received=0)
    house.recorder.submit(CloseStale(at(day + 1)))
    house.send(alert(0, 50), received=day + 2)
    assert house.intervals() == [(0, 50)]
    assert house.get(1).incident.resolution_source is ResolutionSource.ALERTS


firings = st.lists(
    st.tuples(
        st.sampled_from(["x", "y", "z"]),
        st.sampled_from(["g", "h"]),
        st.integers(0, 40),
        st.integers(1, 12),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def notifications(day: list[tuple[str, str, int, int, bool]]) -> list[Alert]:
    """What Alertmanager says of firings, five minutes a unit: each start, and for most the end."""
    told = []
    for name, group, start, length, ends in day:
        fingerprint = f"{name}-{group}"
        told.append(alert(start * 5, fingerprint=fingerprint, group=group))
        if ends:
            told.append(alert(start * 5, start * 5 + length * 5, fingerprint=fingerprint, group=group))
    return told


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=firings, data=st.data())
def test_it_ends_in_the_same_incidents_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, day: list, data: st.DataObject
) -> None:
    told = notifications(day)
    shuffled = data.draw(st.permutations(told))
    ends = []
    for order in (told, shuffled, [*shuffled, *told]):
        house = House(tmp_path_factory.mktemp("order") / "mttx.db")
        try:
            for one in order:
                house.send(one)
            ends.append(house.intervals())
        finally:
            house.close()
    assert ends[0] == ends[1] == ends[2]


def test_it_takes_the_earliest_end_of_overlapping_reports() -> None:
    found = spans([observation(0, 20), observation(0, 10), observation(5)])
    assert [(s.starts_at, s.ends_at) for s in found] == [(at(0), at(10))]
