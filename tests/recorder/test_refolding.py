"""Databases that an earlier version filled: brought to today's shape, and computed anew by today's rules.

`databases/0005.json` has the rows that the version of 26 November 2026 wrote (schema 0005) of six incidents, sent as
webhooks and by hand: INC-1 an end that Alertmanager took back (resolved too early); INC-2 two firings, and late word
that the first was resolved; INC-3 acknowledged by an automation; INC-4 acknowledged when it was over; INC-5 by the keys
of another system, with nothing to change; INC-6 open.
"""

import json
import logging
import threading

import pytest

from service.domain.incident import Phase
from service.domain.policy import Milestone
from service.recorder import upkeep
from service.recorder.upkeep import refold
from service.recorder.writer import Recorder
from service.store import Store
from service.store.histories import history_of
from service.store.refolding import count_outdated
from service.store.snapshot import snapshot_of
from tests.builders import at, policy
from tests.house import listed
from tests.store.earlier import DATABASES, fill

FILLED = json.loads((DATABASES / "0005.json").read_text(encoding="utf-8"))
TARGETS = ("grafana", "slack:C1")
DAY = 24 * 60


@pytest.fixture
def opened(database_url):
    """Give the store of the filled database, in today's shape, and its recorder."""
    fill(database_url, "0005", FILLED)
    store = Store.open(database_url, policy(), TARGETS)
    recorder = Recorder(store, policy())
    yield store, recorder
    recorder.close()
    store.close()


@pytest.fixture
def refolded(opened, caplog):
    """Give the store once all has been computed anew."""
    store, recorder = opened
    with caplog.at_level(logging.INFO, logger=upkeep.__name__):
        refold(recorder, store, lambda: at(600 * DAY), threading.Event())
    return store


def incident(store, number):
    return store.read(history_of, number, policy()).incident


def length(rows):
    return (rows.milestones[Milestone.RESOLVED] - rows.milestones[Milestone.DETECTED]).total_seconds()


def test_it_computes_what_today_s_rules_say(refolded):
    taken_back, apart, automated, late, same, is_open = (incident(refolded, n) for n in range(1, 7))
    assert length(taken_back) == 3600
    assert (length(apart), length(incident(refolded, 7))) == (1200, 900)
    assert Milestone.ACKNOWLEDGED not in automated.milestones
    assert late.milestones[Milestone.ACKNOWLEDGED] > late.milestones[Milestone.RESOLVED]
    assert length(same) == 1800
    assert same.milestones[Milestone.DRAFTED] == same.milestones[Milestone.FINALIZED]
    assert is_open.phase is Phase.DETECTED


def test_it_writes_the_rows_of_the_lists_as_a_reader_computes_them(refolded):
    lines = listed(refolded)
    assert {line.id for line in lines} == set(range(1, 8))
    assert all(line.milestones == incident(refolded, line.id).milestones for line in lines)


def test_it_says_how_many_changed_and_is_then_done(refolded, caplog):
    assert "recomputed 6 of 6 incidents; 5 changed" in [r.getMessage() for r in caplog.get_records("setup")]
    assert refolded.read(count_outdated) == 0


def test_it_goes_on_where_it_was_stopped(opened, monkeypatch, caplog):
    store, recorder = opened
    monkeypatch.setattr(upkeep, "REFOLD_AT_ONCE", 2)
    stopping = threading.Event()

    class Once:
        def submit(self, command):
            stopping.set()
            return recorder.submit(command)

    refold(Once(), store, lambda: at(600 * DAY), stopping)
    assert store.read(count_outdated) == 4
    stopping.clear()
    with caplog.at_level(logging.INFO, logger=upkeep.__name__):
        refold(recorder, store, lambda: at(600 * DAY), stopping)
    assert "recomputed 4 of 4 incidents" in caplog.text
    assert length(incident(store, 1)) == 3600


def test_it_takes_nothing_from_the_totals(opened):
    store, recorder = opened
    before = totals(store)
    refold(recorder, store, lambda: at(600 * DAY), threading.Event())
    after = totals(store)
    assert all(after.get(key, 0) >= number for key, number in before.items())
    # The incident that was split off is new, and a final postmortem is a draft too.
    gained = {
        (indicator, source)
        for (indicator, severity, source, le), n in after.items()
        if n > before.get((indicator, severity, source, le), 0)
    }
    assert ("opened", "") in gained


def totals(store):
    return {
        (t.indicator, t.severity, t.resolution_source, t.le): t.count
        for t in store.read(snapshot_of, at(0), 100).totals
    }


def test_it_has_only_what_changed_drawn_anew_and_tells_nobody(refolded):
    with refolded._engine.connect() as connection:
        rows = connection.exec_driver_sql("select target, incident_id from outbox").all()
    assert {target for target, _ in rows} <= {"grafana"}
    assert {number for _, number in rows} == {1, 2, 3, 5, 7}


def test_its_reports_know_who_sent_them(refolded):
    with refolded._engine.connect() as connection:
        peers = connection.exec_driver_sql(
            "select distinct peer from observations join episodes on episodes.id = episode_id where incident_id = 1"
        ).scalars()
        assert set(peers) == {"http://alertmanager-1:9093"}
