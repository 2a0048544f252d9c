"""The outbox by itself: what is claimed, in which order, by whom, and what becomes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.policy import Severity
from service.render.item_keys import ItemKey, OutboxKind, micros_of
from service.store import Store, StoreRefused
from service.store.outbox import _UPSERT, _row, enqueue
from service.store.outbox_rows import Delivered, PlannedRow, Postponed, Stopped
from tests.builders import at, event, policy

NOW = at(0)
LEASE = timedelta(minutes=2)
DIGEST = b"0" * 16
MESSAGE = ItemKey(OutboxKind.MESSAGE, 1, number=1, subject="first", severity=Severity.SEV_2.value)
REMINDER = ItemKey(OutboxKind.REMINDER, 1, subject="draft-soon", due_at=at(60))
REVIEW = ItemKey(OutboxKind.TEAM_WIDE, due_at=at(160))


def point(number):
    return PlannedRow(ItemKey(OutboxKind.EVENT, 1, event_id=f"{number}"))


@pytest.fixture
def store(open_store):
    return open_store()


def want(store, *incident_ids, minutes=0):
    with store._write() as connection:
        enqueue(connection, ["grafana"], incident_ids, at(minutes))


def claim(store, minutes=0, limit=10):
    return store.outbox.claim("grafana", at(minutes), LEASE, limit)


def test_it_gives_out_what_is_due_the_oldest_first(store):
    want(store, 2, minutes=1)
    want(store, 1, minutes=2)
    want(store, 3, minutes=9)
    assert [c.key.incident_id for c in claim(store, minutes=5)] == [2, 1]


def test_it_gives_nothing_out_twice_before_the_lease_is_over(store):
    want(store, 1)
    (first,) = claim(store)
    assert claim(store, minutes=2) == []
    (second,) = claim(store, minutes=2.1)
    assert (first.attempts, second.attempts) == (0, 1)
    assert first.leased_by != second.leased_by


def test_it_keeps_the_order_of_each_incident(store):
    want(store, 1, 2)
    points = tuple(map(point, range(2)))
    mine, other = claim(store)
    assert claim(store) == []
    store.outbox.complete([Delivered(mine, 7, DIGEST, points), Postponed(other, at(5))], NOW)
    assert [c.key for c in claim(store, minutes=1)] == [point(0).key]
    want(store, 1)
    assert [c.key.incident_id for c in claim(store, minutes=10)] == [
        1,
        2,
    ]  # the region of the first again, before its points


def test_it_counts_every_change_and_delivers_once(store):
    for minutes in range(5):
        want(store, 1, minutes=minutes)
    (claimed,) = claim(store, minutes=5)
    assert claimed.generation == 5
    assert store.outbox.backlog("grafana", at(60)).oldest == at(0)


def test_it_stays_pending_where_it_changed_while_it_was_delivered(store):
    want(store, 1)
    (claimed,) = claim(store)
    want(store, 1, minutes=1)
    store.outbox.complete([Delivered(claimed, 7, DIGEST)], at(2))
    assert store.outbox.backlog("grafana", at(60)).pending == 1
    (again,) = claim(store, minutes=3)
    assert (again.remote_id, again.digest, again.attempts) == (7, DIGEST, 0)


def test_it_does_not_count_an_attempt_that_was_not_begun(store):
    want(store, 1)
    (claimed,) = claim(store)
    store.outbox.complete([Postponed(claimed, NOW, attempted=False)], NOW)
    assert claim(store)[0].attempts == 0


def test_it_hears_nothing_from_who_lost_a_claim_but_that_something_was_made(store):
    want(store, 1, 2)
    late = claim(store)
    now = claim(store, minutes=3)
    store.outbox.complete([Delivered(now[0], 7, DIGEST), Stopped(now[1], "rejected")], at(3))
    store.outbox.complete([Delivered(late[0], 8, DIGEST), Postponed(late[1], at(9))], at(4))
    (doubtful,) = claim(store, minutes=5)
    assert (doubtful.key.incident_id, doubtful.remote_id, doubtful.attempts) == (1, None, 1)
    assert store.outbox.backlog("grafana", at(60)).stopped == 1


def test_it_lets_what_was_refused_rest_until_it_changes_or_is_resumed(store):
    want(store, 1, 2)
    store.outbox.complete([Stopped(c, "rejected") for c in claim(store)], NOW)
    assert (store.outbox.backlog("grafana", at(60)).pending, store.outbox.backlog("grafana", at(60)).stopped) == (0, 2)
    want(store, 1, minutes=1)
    assert [c.key.incident_id for c in claim(store, minutes=1)] == [1]
    store.outbox.resume("grafana", at(5))
    assert [c.key.incident_id for c in claim(store, minutes=5)] == [1, 2]


def test_it_tries_at_once_what_waits_when_it_is_resumed(store):
    want(store, 1)
    store.outbox.complete([Postponed(c, at(60)) for c in claim(store)], NOW)
    want(store, 1, minutes=1)
    assert claim(store, minutes=2) == []
    store.outbox.resume("grafana", at(2))
    assert len(claim(store, minutes=2)) == 1


def test_it_looks_for_the_points_too_where_it_was_in_doubt_about_the_region(store):
    want(store, 1)
    claim(store)
    (again,) = claim(store, minutes=3)
    store.outbox.complete([Delivered(again, 7, DIGEST, (point(0),))], at(3))
    assert claim(store, minutes=4)[0].attempts == 1


def test_it_knows_no_story_of_an_incident_that_is_not_there(store):
    assert store.outbox.incident("grafana", 99) is None


def test_a_store_beside_another_sees_the_same_outbox(database_url, store):
    want(store, 1)
    beside = Store.beside(database_url, policy())
    assert len(claim(beside)) == 1
    assert claim(store) == []
    beside.close()


def test_a_store_beside_refuses_what_is_no_database(database_url, store, tmp_path):
    (tmp_path / "no.db").write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(StoreRefused, match="cannot open"):
        Store.beside(f"sqlite:///{tmp_path}/no.db", policy())


def test_it_keeps_a_row_for_later_until_its_time_and_holds_nothing_up_with_it(store):
    want(store, 1)
    (region,) = claim(store)
    planned = (PlannedRow(REMINDER, at=at(30)), PlannedRow(MESSAGE))
    store.outbox.complete([Delivered(region, 7, DIGEST, planned)], NOW)
    assert [c.key for c in claim(store, minutes=1)] == [MESSAGE]
    assert store.outbox.backlog("grafana", at(29)).pending == 1
    assert store.outbox.backlog("grafana", at(30)).pending == 2
    want(store, 1, minutes=31)
    assert [c.key.kind for c in claim(store, minutes=40)] == [OutboxKind.INCIDENT]


def test_it_leaves_rows_for_later_where_they_are_when_it_is_resumed(store):
    want(store, 1)
    (region,) = claim(store)
    store.outbox.complete([Delivered(region, 7, DIGEST, (PlannedRow(REMINDER, at=at(30)),))], NOW)
    store.outbox.resume("grafana", at(5))
    assert claim(store, minutes=29) == []
    assert [(c.key, c.not_before) for c in claim(store, minutes=30)] == [(REMINDER, at(30))]


def test_it_counts_what_was_marked_by_a_clock_that_was_ahead(store):
    """Nothing of it is for later: it waits, and goes out once the clock is right and the outbox is resumed."""
    want(store, 1, minutes=300)
    assert store.outbox.backlog("grafana", at(5)).pending == 1
    store.outbox.resume("grafana", at(5))
    assert len(claim(store, minutes=5)) == 1


def test_it_enlists_what_is_open_or_owed_and_what_is_planned_besides(house):
    from service.domain.events import EventKind as K
    from tests.builders import event

    open_one = house.open(event(K.DETECTED, severity=Severity.SEV_2))
    owing = house.open(event(K.DETECTED, severity=Severity.SEV_2), event(K.RESOLVED, 5))
    acting = house.open(event(K.DETECTED, severity=Severity.SEV_2), event(K.RESOLVED, 5))
    house.tell(acting, K.POSTMORTEM_FINALIZED, 6)
    house.tell(acting, K.ACTION_OPENED, 6, data={"action_id": "A-01"})
    done = house.open(event(K.DETECTED, severity=Severity.SEV_2), event(K.RESOLVED, 5))
    house.tell(done, K.POSTMORTEM_FINALIZED, 6)
    for _ in range(2):
        house.store.outbox.enqueue_existing("slack", [PlannedRow(REVIEW, at=at(99))], at(10))
    existing = [ItemKey(OutboxKind.EXISTING, number) for number in (open_one, owing, acting)]
    assert house.outbox_keys() == [*existing, REVIEW]


def test_it_counts_first_messages_that_were_posted_or_are_being_posted_before_one(house):
    outbox, storm_at = house.store.outbox, at(5)
    ids = [house.open(event(EventKind.DETECTED, event_id=f"e{n}", title=f"Number {n}")) for n in range(6)]
    keys = [replace(MESSAGE, incident_id=number, dashboard_uid="C1") for number in ids]
    with house.store._write() as connection:
        _UPSERT.run(connection, [_row("grafana", PlannedRow(key), NOW) for key in keys])
    claims = outbox.claim("grafana", NOW, LEASE, 4)
    sent = [micros_of(at(-3)), micros_of(at(1)), -micros_of(storm_at)]
    outbox.complete([Delivered(claim, remote_id, DIGEST) for claim, remote_id in zip(claims, sent, strict=False)], NOW)
    assert outbox.count_reports(claims[3], at(-2), NOW) == 1
    assert outbox.count_reports(claims[3], at(-4), NOW) == 2
    assert outbox.count_reports(replace(claims[3], target="other"), at(-4), NOW) == 0
    later = outbox.claim("grafana", NOW, LEASE, 4)
    assert [outbox.count_reports(claim, at(-2), NOW) for claim in later] == [2, 3]
    assert outbox.count_reports(later[1], at(-2), at(3)) == 1
    assert outbox.count_gathered(later[0], storm_at, storm_at) == 1
    assert outbox.count_gathered(later[0], at(6), at(7)) == 0
    [named] = outbox.gathered(later[0], storm_at)
    assert (named.incident_id, named.title, named.phase) == (ids[2], "Number 2", Phase.DETECTED)
