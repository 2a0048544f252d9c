"""From alerts to incidents, through the recorder and a real SQLite file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.events import Alert, EventKind
from service.domain.incident import Phase
from service.domain.policy import Milestone
from service.domain.recovery import ResolutionSource
from service.recorder.commands import AppendEvent, CloseStale
from tests.builders import alert, at, event
from tests.house import House


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


def test_it_takes_the_latest_end_that_was_reported(house: House) -> None:
    house.send(alert(0, 9))
    house.send(alert(0, 5))
    assert house.intervals() == [(0, 9)]


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
    assert house.get(2).incident.id == 1
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


def test_it_learns_the_start_of_the_impact_from_a_repeat(house: House) -> None:
    """The annotation may come with the second notification; the order must not matter."""
    house.send(alert(0))
    house.send(alert(0, onset=-7))
    house.send(alert(0, onset=-3))
    assert house.get(1).incident.milestones[Milestone.STARTED] == at(-7)


def test_it_keeps_the_start_of_the_impact_when_two_firings_turn_out_to_be_one(house: House) -> None:
    """The first only seemed to have ended: its late `resolved` lies behind the start of the second."""
    house.send(alert(0), received=0)
    house.submit(CloseStale(at(1441)))
    assert house.send(alert(1500, onset=1490), received=1500) == [2]
    assert house.send(alert(0, 1600), received=1601) == [1]
    assert house.intervals() == [(0, 1600)]
    assert house.get(1).incident.milestones[Milestone.STARTED] == at(1490)
    assert house.get(2).incident.id == 1


def test_it_makes_one_of_two_firings_that_one_notification_tells_to_be_one(house: House) -> None:
    house.send(alert(0), received=0)
    house.submit(CloseStale(at(1441)))
    assert house.send(alert(1500), alert(0, 1600), received=1601) == [1]
    assert house.intervals() == [(0, 1600)]
    assert len(house.get(1).episodes) == 1


def test_it_makes_one_incident_of_many_firings_that_turn_out_to_be_one(house: House) -> None:
    for number, start in enumerate((0, 1500, 3000), start=1):
        assert house.send(alert(start), received=start) == [number]
        house.submit(CloseStale(at(start + 1441)))
    house.tell(1, EventKind.MERGED, 4500, data={"into": "INC-3"})
    assert house.send(alert(0, 3600), received=4501) == [2]
    assert house.intervals() == [(0, 3600)]
    assert {house.get(i).incident.id for i in (1, 2, 3)} == {2}


def test_it_reopens_once_for_an_alert_that_is_heard_again_by_two_routes(house: House) -> None:
    house.send(alert(0, group="a"), received=0)
    house.send(alert(0, group="b"), received=0)
    house.submit(CloseStale(at(1441)))
    house.send(alert(0, group="a"), received=3000)
    house.send(alert(0, group="b"), received=3000)
    assert house.get(1).incident.phase is Phase.DETECTED
    assert house.intervals() == [(0, None)]


def test_it_keeps_what_people_merged_where_it_is_when_another_incident_absorbs_it(house: House) -> None:
    house.send(alert(0, 5, fingerprint="x"))
    house.send(alert(40, 45, fingerprint="y"))
    house.send(alert(200, 205, fingerprint="w"))
    house.tell(3, EventKind.MERGED, 206, data={"into": "INC-2"})
    house.send(alert(4, 38, fingerprint="z"))
    assert house.intervals() == [(0, 205)]
    assert [e.fingerprint for e in house.get(1).episodes] == ["x", "z", "y", "w"]
    assert house.get(3).incident.id == 1


def test_it_reports_each_incident_of_a_notification_once_by_id(house: House) -> None:
    alerts = [alert(0, fingerprint=f, group=g) for f, g in (("y", "b"), ("x", "a"), ("z", "a"))]
    assert house.send(*alerts) == [1, 2]


def test_it_refreshes_when_it_last_heard_at_most_every_minute(house: House) -> None:
    house.send(alert(0), received=600)
    for received in (600.5, 600.9):
        house.send(alert(0), received=received)
        assert house.get(1).incident.last_seen_at == at(600)
    house.send(alert(0), received=601)
    assert house.get(1).incident.last_seen_at == at(601)


def test_it_forgets_no_alert_of_a_large_notification(house: House) -> None:
    alerts = [alert(n % 50, n % 50 + 1, fingerprint=str(n), group=str(n % 7)) for n in range(1500)]
    assert house.send(*alerts) == [1, 2, 3, 4, 5, 6, 7]
    assert house.rows("select count(*) from episodes") == [(1500,)]
    house.send(*alerts)
    assert house.rows("select count(*) from observations") == [(1500,)]


def test_it_keeps_incidents_of_equal_alerts_in_other_groups_apart(house: House) -> None:
    """Equal text is no identity: only the fingerprint and the group are."""
    house.send(alert(0, fingerprint="a", group="a", annotations={"summary": "Down"}))
    house.send(alert(0, fingerprint="b", group="b", annotations={"summary": "Down"}))
    assert house.intervals() == [(0, None), (0, None)]


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
    alerts = []
    for name, group, start, length, ends in day:
        fingerprint = f"{name}-{group}"
        alerts.append(alert(start * 5, fingerprint=fingerprint, group=group))
        if ends:
            alerts.append(alert(start * 5, start * 5 + length * 5, fingerprint=fingerprint, group=group))
    return alerts


def by_two_routes(day: list[tuple[str, str, int, int, bool]]) -> list[Alert]:
    """The same alerts by two routes (`continue: true`): each firing is told in two groups."""
    return [
        replace(notification_, observation=replace(notification_.observation, group_key=route))
        for notification_ in notifications([(name, "-", start, length, ends) for name, _, start, length, ends in day])
        for route in ("g", "h")
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One store for all examples: each has alerts and groups of its own there."""
    built = House(tmp_path_factory.mktemp("order") / "mttx.db")
    yield built
    built.close()


worlds = count()


def ended(world: House, alerts: Sequence[Alert]) -> list[list[tuple[str, str, str | None]]]:
    """Tell the world; answers the firings of each incident that came of it."""
    mark = f"{next(worlds)}:"
    for each in alerts:
        seen = each.observation
        own = replace(seen, fingerprint=mark + seen.fingerprint, group_key=mark + seen.group_key)
        world.send(replace(each, observation=own))
    incidents: dict[int, list[tuple[str, str, str | None]]] = {}
    columns = "incident_id, fingerprint, starts_at, ends_at"
    for incident, fingerprint, *times in world.rows(f"select {columns} from episodes where fingerprint like '{mark}%'"):
        assert world.get(incident).incident.id == incident
        incidents.setdefault(incident, []).append((fingerprint.removeprefix(mark), *times))
    return sorted(sorted(firings) for firings in incidents.values())


@pytest.mark.parametrize(("tell", "size"), [(notifications, 6), (by_two_routes, 3)])
@settings(max_examples=15, deadline=None)
@given(day=firings, data=st.data())
def test_it_ends_in_the_same_incidents_whatever_the_order(
    world: House, tell: Callable[..., list[Alert]], size: int, day: list, data: st.DataObject
) -> None:
    expected = tell(day[:size])
    shuffled = data.draw(st.permutations(expected))
    assert ended(world, expected) == ended(world, shuffled) == ended(world, [*shuffled, *expected])


# --- an end without its start (Grafana since 12.0 sends the end as the start too) -------------------------------------


def test_it_keeps_the_start_when_only_the_end_is_reported(house: House) -> None:
    house.send(alert(0))
    assert house.send(alert(7, 7)) == [1]
    assert house.intervals() == [(0, 7)]


def test_it_lets_an_end_wait_for_its_firing_and_opens_nothing_for_it(house: House) -> None:
    assert house.send(alert(7, 7)) == []
    assert house.send(alert(7, 7)) == []
    assert house.intervals() == []
    house.send(alert(0))
    assert house.intervals() == [(0, 7)]
    assert house.counters()["resolve", "SEV-2", "", 600] == 1
    assert house.rows("SELECT count(*) FROM observations WHERE episode_id = 0")[0][0] == 0


def test_it_takes_no_end_of_an_earlier_firing_for_a_later_one(house: House) -> None:
    for sent in (alert(40), alert(7, 7), alert(0), alert(52, 52)):
        house.send(sent)
    assert house.intervals() == [(0, 7), (40, 52)]


def test_it_gives_no_zero_to_an_alert_of_which_only_the_end_was_heard(house: House) -> None:
    house.send(alert(7, 7))
    assert house.counters() == {}


def test_a_later_end_may_be_told_alone_and_again_issue_1899(house: House) -> None:
    for sent in (alert(0), alert(9, 9), alert(0, 5), alert(9, 9)):
        assert house.send(sent) == [1]
    assert house.intervals() == [(0, 9)]
    assert house.rows("SELECT count(*) FROM observations")[0][0] == 3


def test_an_end_told_alone_long_after_is_none_of_a_firing_that_ended(house: House) -> None:
    for sent in (alert(0), alert(0, 5), alert(60, 60)):
        house.send(sent)
    assert house.intervals() == [(0, 5)]


# --- ends that are taken back, and ends that nobody reported ----------------------------------------------------------


def test_it_goes_on_when_its_sender_takes_the_end_back_and_has_the_true_end_at_last(house: House) -> None:
    """Captured from an Alertmanager 0.25 whose Prometheus was out of reach for a while."""
    for sent, received in ((alert(0, peer="a"), 1), (alert(0, 5, peer="a"), 6), (alert(0, peer="a"), 7)):
        assert house.send(sent, received=received) == [1]
    assert house.get(1).incident.phase is Phase.DETECTED
    house.send(alert(0, 60, peer="a"), received=61)
    assert house.intervals() == [(0, 60)]


def test_a_firing_that_is_retried_after_its_recovery_leaves_it_ended(house: House) -> None:
    """The sender does not name its instance. The firing was recorded, but its answer was lost."""
    for sent, received in ((alert(0), 1), (alert(0, 5), 6), (alert(0), 7), (alert(0), 8)):
        assert house.send(sent, received=received) == [1]
    assert house.intervals() == [(0, 5)]
    assert house.get(1).incident.resolution_source is ResolutionSource.ALERTS


def test_it_opens_nothing_for_a_firing_that_a_peer_repeats_late(house: House) -> None:
    for sent, received in ((alert(0, peer="a"), 1), (alert(0, peer="b"), 2), (alert(0, 5, peer="a"), 6)):
        house.send(sent, received=received)
    house.send(alert(0, peer="b"), received=7)
    assert house.intervals() == [(0, 5)]


def test_it_ends_again_by_a_repeat_that_was_received_behind_the_firing(house: House) -> None:
    fires, ends = alert(0, peer="a"), alert(0, 5, peer="a")
    for sent, received in ((fires, 1), (ends, 6), (ends, 9), (fires, 8)):
        house.send(sent, received=received)
    assert house.intervals() == [(0, 5)]


def test_it_begins_another_incident_where_a_firing_must_have_ended_unheard(house: House) -> None:
    house.send(alert(0), received=1)
    assert house.send(alert(240), received=241) == [2]
    first = house.get(1).incident
    assert (first.phase, first.resolution_source) == (Phase.RESOLVED, ResolutionSource.STALE)
    assert Milestone.RESOLVED not in first.milestones
    house.send(alert(240, 260), received=261)
    assert house.counters()["resolved", "SEV-2", "stale", 0] == 1
    house.send(alert(300, fingerprint="x"), received=600)
    resolve = {key: n for key, n in house.counters().items() if key[0] == "resolve"}
    assert resolve == {("resolve", "SEV-2", "", 1200): 1}
