"""What is open or recent, for those who ask others about it."""

from service.domain.events import EventKind
from service.domain.policy import Milestone
from service.store.incidents import group_key_of, recent_episodes
from tests.builders import alert, at, event


def test_it_gives_what_is_open_or_recent(house):
    house.send(alert(0, 5, fingerprint="old"))
    house.send(alert(100, fingerprint="open", group="g2"))
    house.send(alert(200, 210, fingerprint="recent", group="g3"))
    assert [row.id for row, _ in house.store.read(recent_episodes, at(150))] == [3, 2]
    assert [row.id for row, _ in house.store.read(recent_episodes, at(-1))] == [3, 2, 1]


def test_it_gives_firings_and_their_groups(house):
    house.send(alert(0, group="a"), alert(0, group="b"))
    ((row, (episode,)),) = house.store.read(recent_episodes, at(0))
    assert episode.labels == {"alertname": "CheckoutErrors"}
    assert house.store.read(group_key_of, episode.id) == "a"
    assert house.store.read(group_key_of, 99) is None
    assert row.milestones == {Milestone.DETECTED: at(0)}


def test_it_leaves_out_what_was_dismissed_or_merged(house):
    house.open()
    house.tell(1, EventKind.DISMISSED, 1)
    house.open()
    house.open(event(EventKind.DETECTED, event_id="third"))
    house.tell(3, EventKind.MERGED, 2, data={"into": "INC-2"})
    assert [row.id for row, _ in house.store.read(recent_episodes, at(-1))] == [2]
