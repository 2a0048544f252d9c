"""Moving a database: into whichever engine, every row is there and the service goes on from it."""

import pytest
from sqlalchemy import create_engine, select, text

from service.domain.events import EventKind
from service.store import Store, StoreRefused, copying
from service.store.copying import copy
from service.store.heartbeats import record_heartbeat
from tests.builders import alert, at, event, policy
from tests.house import House, listed
from tests.store.conftest import ENGINES

K = EventKind
quiet = lambda *_: None  # noqa: E731


@pytest.fixture
def filled(new_database):
    """Give a function that makes a database with something in every table that is copied, and answers its URL."""

    def filled(engine):
        url = new_database(engine)
        store = Store.open(url, policy(), targets=["grafana"])
        store.close()
        house = House(url)
        house.send(alert(0, 5, labels={"team": "支払い"}), alert(0, fingerprint="Zz", group="Ä"))
        house.send(alert(7, fingerprint="aa", group="z"))
        number = house.open(event(K.DETECTED, 1))
        house.tell(number, K.ACTION_OPENED, 2, data={"action_id": "A-01"})
        house.tell(number, K.POSTMORTEM_CHECKED, 3, data={"checks": {"evidence": "failed"}})
        house.tell(number, K.RESOLVED, 4, data={"automated": True})
        impact = {"started_at": at(1).isoformat(), "ended_at": at(4).isoformat()}
        house.tell(number, K.BUDGET_MEASURED, 4, data={"slo": "api", "spent_ratio": 0.3, **impact})
        house.hook(("jira-42", event(K.DETECTED, 2)))
        house.store.write(record_heartbeat, at(9))
        with house.store.transaction() as transaction:
            from service.store.outbox import enqueue

            enqueue(transaction._connection, ["grafana"], [number], event(K.DETECTED, 1).recorded_at)
        house.close()
        return url

    return filled


def rows(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {t.name: sorted(map(repr, connection.execute(select(t)))) for t in copying._TABLES}
    engine.dispose()
    return rows


@pytest.mark.parametrize("source", ENGINES)
@pytest.mark.parametrize("target", ENGINES)
def test_it_copies_every_row(filled, new_database, source, target):
    old, new = filled(source), new_database(target)
    lines = []
    copied = copy(old, new, lambda *what: lines.append(what))
    before = rows(old)
    assert all(before.values()), "a table without rows proves nothing"
    assert rows(new) == before
    assert copied == sum(map(len, before.values()))
    assert ("copied", "events", len(before["events"])) in lines


@pytest.mark.parametrize("target", ENGINES)
def test_the_service_goes_on_from_a_copy(filled, new_database, target):
    url = new_database(target)
    copy(filled("sqlite"), url, quiet)
    house = House(url)
    had = len(listed(house.store))
    number = house.open(event(K.DETECTED, 100))
    assert house.tell(number, K.ACKNOWLEDGED, 101)
    assert len(listed(house.store)) == had + 1
    house.close()


def test_it_refuses_a_target_that_holds_something(filled):
    target = filled("sqlite")
    before = rows(target)
    with pytest.raises(StoreRefused, match="copy into an empty database"):
        copy(filled("sqlite"), target, quiet)
    assert rows(target) == before


def test_it_refuses_while_the_service_runs(filled, new_database):
    url = filled("sqlite")
    running = Store.open(url, policy())
    with pytest.raises(StoreRefused, match="another mttx-exporter uses this database"):
        copy(url, new_database("sqlite"), quiet)
    running.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_it_refuses_a_source_of_another_version(filled, new_database, engine):
    url = filled(engine)
    beside = create_engine(url)
    with beside.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '0001'"))
    beside.dispose()
    with pytest.raises(StoreRefused, match="another version"):
        copy(url, new_database("sqlite"), quiet)


@pytest.mark.parametrize("target", ENGINES)
def test_a_row_that_differs_is_found_and_leaves_the_target_empty(filled, new_database, monkeypatch, target):
    from service.store import copying

    real = copying._go_on_counting

    def spoil(connection):
        real(connection)
        connection.execute(text("update events set kind = 'note' where kind = 'action_opened'"))

    monkeypatch.setattr(copying, "_go_on_counting", spoil)
    url = new_database(target)
    with pytest.raises(StoreRefused, match="a row of events differs"):
        copy(filled("sqlite"), url, quiet)
    assert not any(rows(url).values())
