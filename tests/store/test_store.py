"""The store's contract: what was written is read back, and what the database itself holds."""

import zlib
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import TimeoutError

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.policy import Domain, IncidentType, Milestone, Severity, Stage
from service.recorder.commands import PruneBodies, RecordAlerts
from service.store import Store, StoreRejected, StoreUnavailable, tables
from service.store.bodies import last_received
from service.store.engine import translated
from service.store.histories import history_of
from service.store.incidents import IncidentFilter, incident_page
from service.store.recent import Selection, visit_recent
from service.store.snapshot import snapshot_of
from tests.builders import alert, at, delivery, event, policy
from tests.house import listed

K = EventKind
DAY = 24 * 60


def ids(rows):
    return [row.id for row in rows]


def copy_of(store, table, **changes):
    """Insert the only row of a table once more, changed."""
    with store.transaction() as transaction:
        connection = transaction._connection
        row = dict(connection.execute(select(table)).mappings().one())
        connection.execute(insert(table), {**row, **changes})


# -- what comes back ---------------------------------------------------------------------------------------------------


def test_it_gives_back_every_field_of_an_event(house):
    opening = event(
        K.DETECTED,
        1.5,
        recorded_at=at(3),
        title='Zahlung "kaputt" 🔥\nsehr',
        severity=Severity.SEV_1,
        types=(IncidentType.API, IncidentType.MODEL),
        domains=(Domain.SEC,),
        labels={"team": "支払い"},
        data={"deep": {"list": [1, 2.5, None, True, "é"]}},
    )
    incident_id = house.open(opening)
    assert house.get(incident_id).events == (replace(opening, sent_to=incident_id),)


def test_it_gives_back_every_field_of_a_firing(house):
    house.send(alert(0, 5, onset=-2, labels={"pod": "a"}, annotations={"summary": "many 500s"}))
    (episode,) = house.get(1).episodes
    assert (episode.starts_at, episode.ends_at, episode.onset_at, episode.stale) == (at(0), at(5), at(-2), False)
    assert episode.labels == {"alertname": "CheckoutErrors", "pod": "a"}
    assert (episode.name, episode.severity, episode.annotations) == (
        "CheckoutErrors",
        Severity.SEV_2,
        {"summary": "many 500s"},
    )


def test_it_keeps_microseconds_and_the_ends_of_time(house):
    odd = at(0) + timedelta(microseconds=123457)
    ancient, distant = at(0).replace(year=1970), at(0).replace(year=2199)
    incident_id = house.open(
        *(event(K.NOTE, event_id=str(i), occurred_at=i, data={"text": "x"}) for i in (odd, ancient, distant))
    )
    assert [e.occurred_at for e in house.get(incident_id).events] == [odd, ancient, distant]


def test_it_gives_back_a_merged_incident_as_the_one_that_absorbed_it(house):
    first, second = house.open(), house.open()
    house.tell(second, K.MERGED, 5, data={"into": f"INC-{first}"})
    record = house.get(second)
    assert record.incident.id == first
    assert record.opened_at.keys() == {first, second}


def test_it_gives_ids_from_one_without_gaps_for_what_was_refused(house):
    assert [house.open(), house.open()] == [1, 2]


def test_it_never_gives_an_id_twice(house):
    house.send(alert(0))
    house.open()
    house.close()
    again = type(house)(house.url)
    assert again.open() == 3
    again.close()


def test_it_forgets_nothing_when_it_is_opened_again(house):
    house.send(alert(0, 5))
    house.open(event(K.DETECTED), event(K.ACTION_OPENED, data={"action_id": "a", "due_at": at(9).isoformat()}))
    before = [house.get(1), house.get(2)], house.snapshot(100)
    house.close()
    again = Store.open(house.url, policy())
    assert (
        [again.read(history_of, 1, policy()), again.read(history_of, 2, policy())],
        again.read(snapshot_of, at(100), 1000),
    ) == before
    again.close()


# -- the list ----------------------------------------------------------------------------------------------------------


def test_it_lists_what_an_incident_is_now(house):
    house.send(alert(0, severity=Severity.SEV_1))
    (line,) = listed(house.store)
    assert (line.title, line.severity, line.phase) == ("CheckoutErrors", Severity.SEV_1, Phase.DETECTED)
    assert line.milestones == {Milestone.DETECTED: at(0)}
    assert line.is_stale(at(600 + DAY + 1))
    assert not line.is_stale(at(600 + DAY))


def test_it_ends_the_list_with_a_page_that_is_exactly_full(house):
    house.open()
    house.open()
    assert house.store.read(incident_page, IncidentFilter(), limit=2).older is None


# -- what the database holds, whoever writes ---------------------------------------------------------------------------


def test_it_holds_one_open_firing_of_an_alert(house):
    house.send(alert(0))
    with pytest.raises(StoreRejected):
        copy_of(house.store, tables.episodes, id=99, starts_at=at(7))
    copy_of(house.store, tables.episodes, id=99, ends_at=at(-5))


def test_it_holds_one_event_of_an_id_in_an_incident(house):
    house.open()
    with pytest.raises(StoreRejected):
        copy_of(house.store, tables.events, id=99)


def test_it_holds_one_incident_of_a_key(house):
    house.hook(("jira-1", event(K.DETECTED)))
    with pytest.raises(StoreRejected):
        copy_of(house.store, tables.incident_keys, incident_id=99)


def test_it_holds_an_observation_once(house):
    house.send(alert(0))
    with pytest.raises(StoreRejected):
        copy_of(house.store, tables.observations, id=99)


def test_it_never_tells_a_value_in_an_error(house):
    house.open(event(K.NOTE, data={"text": "geheim"}))
    with pytest.raises(StoreRejected) as rejected:
        copy_of(house.store, tables.events, id=99)
    assert "geheim" not in str(rejected.value)


def test_it_is_unavailable_for_any_statement_that_fails(store):
    with pytest.raises(StoreUnavailable), store.transaction() as transaction:
        transaction._connection.execute(text("select * from nowhere"))


def test_it_is_unavailable_where_no_connection_is_left():
    with pytest.raises(StoreUnavailable, match="the store did not answer: TimeoutError"), translated():
        raise TimeoutError("QueuePool limit of size 8 overflow 56 reached")


def test_it_rolls_back_where_an_error_leaves_a_transaction(house):
    house.open()
    with suppress(KeyError), house.store.transaction() as transaction:
        transaction._connection.execute(text("delete from incidents"))
        raise KeyError
    assert ids(listed(house.store)) == [1]


# -- what the metrics are made of --------------------------------------------------------------------------------------


def test_it_counts_nothing_in_an_empty_store(store):
    snapshot = store.read(snapshot_of, at(0), 10)
    assert (snapshot.totals, snapshot.open, snapshot.due, snapshot.actions, snapshot.stale) == ([], {}, {}, {}, 0)
    assert set(snapshot.capped.values()) == {0}


def test_it_counts_what_is_open_by_severity_and_phase(house):
    for severity in (Severity.SEV_1, Severity.SEV_1, Severity.SEV_3):
        house.open(event(K.DETECTED, severity=severity))
    house.tell(2, K.ACKNOWLEDGED, 3)
    assert house.snapshot().open == {
        (Severity.SEV_1, Phase.DETECTED): 1,
        (Severity.SEV_1, Phase.ACKNOWLEDGED): 1,
        (Severity.SEV_3, Phase.DETECTED): 1,
    }


def test_it_counts_what_is_owed_and_what_is_overdue(house):
    house.open(event(K.DETECTED, severity=Severity.SEV_1))
    house.tell(1, K.RESOLVED, 5)
    assert house.snapshot(13 * 60).due == {
        (Severity.SEV_1, Stage.DRAFT, True): 1,
        (Severity.SEV_1, Stage.FINAL, False): 1,
    }
    house.tell(1, K.POSTMORTEM_FINALIZED, 20 * 60)
    assert house.snapshot(100 * DAY).due == {}


def test_it_counts_a_deadline_as_overdue_only_behind_it(house):
    house.open(event(K.DETECTED, severity=Severity.SEV_1))
    assert (Severity.SEV_1, Stage.DRAFT, True) not in house.snapshot(12 * 60).due


def test_it_counts_stale_incidents_that_are_open(house):
    house.open()
    house.tell(house.open(), K.RESOLVED, 1)
    assert [house.snapshot(minutes).stale for minutes in (DAY, DAY + 1)] == [0, 1]


def test_it_counts_open_actions_by_type_and_lateness(house):
    house.open()
    for number, (kind, due) in enumerate([("prevent", 60), ("prevent", None), ("detect", 600), ("", 1)]):
        data = {"action_id": str(number), "action_type": kind}
        house.tell(1, K.ACTION_OPENED, number, data=data if due is None else {**data, "due_at": at(due).isoformat()})
    house.tell(1, K.ACTION_COMPLETED, 9, data={"action_id": "3"})
    snapshot = house.snapshot(120)
    assert snapshot.actions == {("prevent", True): 1, ("prevent", False): 1, ("detect", False): 1}
    assert [(a.incident_id, a.action_id, a.at) for a in snapshot.due_actions] == [(1, "0", at(60)), (1, "2", at(600))]


def test_it_drops_the_actions_of_what_is_dismissed_and_has_them_back_on_reopening(house):
    house.open()
    house.tell(1, K.ACTION_OPENED, data={"action_id": "a"})
    house.tell(1, K.DISMISSED, 5)
    assert house.snapshot().actions == {}
    house.tell(1, K.REOPENED, 6)
    assert house.snapshot().actions == {("", False): 1}


def test_it_moves_actions_with_a_merge_and_still_takes_in_what_follows(house):
    """The absorbing incident has no event of its own: what was written of its actions must go all the same."""
    house.send(alert(0))
    house.open(event(K.ACTION_OPENED, data={"action_id": "a"}))
    house.tell(2, K.MERGED, 5, data={"into": "INC-1"})
    assert house.rows("select incident_id, action_id from actions") == [(1, "a")]
    assert house.send(alert(0, 9)) == [1]
    assert house.send(alert(14, fingerprint="f2")) == [1]
    assert house.rows("select incident_id, action_id from actions") == [(1, "a")]


def test_it_lists_no_more_than_the_cap_and_counts_all(house):
    for _ in range(5):
        house.open(event(K.DETECTED), event(K.ACTION_OPENED, data={"action_id": "a", "due_at": at(60).isoformat()}))
    snapshot = house.snapshot(cap=2)
    assert [w.id for w in snapshot.open_rows] == [5, 4]
    assert len(snapshot.due_actions) == 2
    assert {w.id for w in snapshot.live_rows} == {5, 1, 2}, "the last for its action"
    assert snapshot.capped == {"open": 3, "due": 3, "live": 2, "actions": 3, "unverified": 0, "budgets": 0}
    assert sum(snapshot.open.values()) == 5


def test_an_incident_counts_once_however_many_stages_it_owes(house):
    """One that is over owes both stages, one that is over the final only, one is open and owes both."""
    house.open(event(K.DETECTED), event(K.RESOLVED, 5))
    house.open(event(K.DETECTED, 1), event(K.RESOLVED, 5), event(K.POSTMORTEM_DRAFTED, 6))
    house.open(event(K.DETECTED, 2))
    for cap in range(4):
        snapshot = house.snapshot(cap=cap)
        assert (snapshot.capped["open"], snapshot.capped["due"], snapshot.capped["live"]) == (
            max(0, 1 - cap),
            3 - cap,
            3 - cap,
        )
        assert [len(rows) for rows in (snapshot.due_rows, snapshot.live_rows)] == [cap, cap]


def test_it_watches_what_is_due_soonest(house):
    house.open()
    house.open(event(K.DETECTED, severity=Severity.SEV_1))
    assert [w.id for w in house.snapshot(cap=1).due_rows] == [2]


def test_it_shows_the_recent_past_without_what_was_dismissed_or_merged(house):
    for _ in range(4):
        house.open(event(K.DETECTED, 10))
    house.tell(2, K.DISMISSED, 11)
    house.tell(3, K.MERGED, 11, data={"into": "INC-1"})
    house.tell(1, K.MITIGATED, 20)
    house.tell(4, K.RESOLVED, 30)
    seen = []
    house.store.read(visit_recent, Selection(since=at(9)), seen.append)
    assert sorted(r.phase for r in seen) == [Phase.MITIGATED, Phase.RESOLVED]
    seen.clear()
    house.store.read(visit_recent, Selection(since=at(10)), seen.append)
    assert seen == []


def test_it_leaves_out_of_the_recent_past_what_was_only_just_detected(house):
    """A storm has thousands of them; they have no interval, and nothing is missing of them yet."""
    house.open(event(K.DETECTED, 10))
    house.open(event(K.NOTE, 10, data={"text": "x"}))
    seen = []
    house.store.read(visit_recent, Selection(since=at(9)), seen.append)
    assert seen == []
    house.tell(1, K.STARTED, 11, occurred_at=at(5))
    house.store.read(visit_recent, Selection(since=at(9)), seen.append)
    assert [r.milestones for r in seen] == [{Milestone.STARTED: at(5), Milestone.DETECTED: at(10)}]


def test_it_shows_what_was_never_detected_by_when_it_was_opened(house):
    house.open(event(K.MITIGATED, 50, occurred_at=at(-9999)))
    seen = []
    house.store.read(visit_recent, Selection(since=at(49)), seen.append)
    assert [r.phase for r in seen] == [Phase.MITIGATED]
    house.store.read(visit_recent, Selection(since=at(50)), seen.append)
    assert len(seen) == 1


def test_it_keeps_no_deadline_of_what_is_open_no_more(house):
    """What is open has `stale_at`, what is owed has a due date: the indexes hold nothing else."""
    for _ in range(3):
        house.open()
    house.tell(1, K.DISMISSED, 1)
    house.tell(2, K.MERGED, 1, data={"into": "INC-3"})
    kept = "select id from incidents where stale_at is not null or draft_due_at is not null or final_due_at is not null"
    assert house.rows(kept) == [(3,)]
    assert house.snapshot().open == {(Severity.SEV_3, Phase.DETECTED): 1}


# -- raw bodies --------------------------------------------------------------------------------------------------------


def send_body(house, body, minutes=0.0, source="alertmanager"):
    observation_ = replace(alert(0).observation, source=source)
    house.submit(RecordAlerts((replace(alert(0), observation=observation_),), delivery(minutes, body, source=source)))


def bodies(house):
    rows = house.rows("select source, body, times from deliveries order by source, body")
    return [(source, zlib.decompress(body), times) for source, body, times in rows]


def test_it_keeps_a_body_compressed(house):
    body = b'{"alerts": []}' * 500
    send_body(house, body)
    assert bodies(house) == [("alertmanager", body, 1)]
    assert house.rows("select length(body) from deliveries")[0][0] < len(body) / 10


def test_it_keeps_a_repeated_body_once_and_counts_it(house):
    for minutes in (0, 5, 9):
        send_body(house, b"same", minutes)
    assert bodies(house) == [("alertmanager", b"same", 3)]
    first, last = house.rows("select first_received_at, last_received_at from deliveries")[0]
    assert last - first == 9 * 60 * 10**6


def test_it_keeps_the_same_body_of_two_sources_apart(house):
    send_body(house, b"same")
    send_body(house, b"same", source="grafana")
    assert bodies(house) == [("alertmanager", b"same", 1), ("grafana", b"same", 1)]


def test_it_points_from_the_history_to_the_body_it_came_in(house):
    send_body(house, b"told")
    house.hook(("k", event(K.DETECTED)), body=b"[hook]")
    joined = "select d.source from {0} o join deliveries d on d.digest = o.delivery"
    assert house.rows(joined.format("observations")) == [("alertmanager",)]
    assert house.rows(joined.format("events")) == [("lifecycle",)]


def test_it_forgets_bodies_by_when_they_last_came_and_nothing_else(house):
    send_body(house, b"old")
    send_body(house, b"again")
    send_body(house, b"again", 100)
    house.submit(PruneBodies(at(50)))
    assert bodies(house) == [("alertmanager", b"again", 2)]
    assert house.get(1).episodes != ()


def test_it_forgets_all_that_is_old_a_few_at_a_time(house, monkeypatch):
    monkeypatch.setattr("service.store.bodies.FORGOTTEN_AT_ONCE", 2)
    for number in range(5):
        send_body(house, b"old %d" % number)
    send_body(house, b"new", 100)
    house.submit(PruneBodies(at(50)))
    assert bodies(house) == [("alertmanager", b"new", 1)]


def test_it_knows_when_each_source_was_last_heard(house):
    assert house.store.read(last_received) == {}
    send_body(house, b"a", 1)
    send_body(house, b"b", 7)
    send_body(house, b"c", 3, source="grafana")
    assert house.store.read(last_received) == {"alertmanager": at(7), "grafana": at(3)}
