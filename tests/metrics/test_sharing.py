"""A scrape is read once for all who ask while nothing changes, and never shows what is no longer so."""

import gzip
import sqlite3
import threading
import time
import zlib
from contextlib import closing

import pytest
from prometheus_client import CollectorRegistry, Gauge

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from service.metrics import exposition
from service.store import StoreUnavailable
from service.store.snapshot import snapshot_of
from tests.builders import alert, at, event
from tests.metrics.world import OPENMETRICS


@pytest.fixture
def reads(world, monkeypatch):
    """Say how often the store was read for scrapes; each reading takes `seconds[0]`."""
    seen, seconds, read = [], [0.0], world.store.read

    def counted(query, *arguments):
        if query is snapshot_of:
            time.sleep(seconds[0])
            seen.append(threading.get_ident())
        return read(query, *arguments)

    monkeypatch.setattr(world.store, "read", counted)
    return seen, seconds


def shown(world, name, accept="text/plain", **labels):
    """The value of a sample in the text that a scraper gets."""
    (family,) = [f for f in world.families(accept).values() if name in (f.name, f.name + "_total")]
    (value,) = [s.value for s in family.samples if labels.items() <= s.labels.items()]
    return value


def test_it_reads_the_store_once_for_every_format_while_nothing_is_written(world, reads, monkeypatch):
    monkeypatch.setattr(exposition, "PAGE_SECONDS", 60)
    world.open()
    texts = [world.text(accept) for accept in ("text/plain", OPENMETRICS, "text/plain", OPENMETRICS)]
    assert texts[0] == texts[2]
    assert texts[1] == texts[3]
    world.expose(OPENMETRICS, "gzip")
    assert len(reads[0]) == 1


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_writes_anew_what_changed_of_the_process_and_nothing_else(accept, monkeypatch):
    monkeypatch.setattr(exposition, "PAGE_SECONDS", 0)
    own, encoded = CollectorRegistry(), []
    changing, standing = (Gauge(f"{name}_seconds", name, ["of"], registry=own) for name in ("changing", "standing"))
    standing.labels("a").set(1)
    scrape = exposition.Exposition([], own, lambda: 1, lambda: at(0))
    choose = exposition.choose_encoder

    def counting(asked):
        encode, content_type = choose(asked)
        return lambda registry: (encoded.extend(f.name for f in registry.collect()), encode(registry))[1], content_type

    monkeypatch.setattr(exposition, "choose_encoder", counting)
    for value in range(3):
        changing.labels("a").set(value)
        body, _ = scrape(accept, None)
        assert body == choose(accept)[0](own)
    assert encoded == ["changing_seconds", "standing_seconds", "changing_seconds", "changing_seconds"]


def test_it_shows_what_was_committed_before_it_was_asked(world):
    for number in range(1, 6):
        world.open()
        assert shown(world, "mttx_incidents_opened_total", incident_severity="SEV-3") == number
        assert shown(world, "mttx_incidents_opened_total", OPENMETRICS, incident_severity="SEV-3") == number


def test_it_shows_what_another_process_wrote(world, tmp_path):
    world.open()
    world.text()
    with closing(sqlite3.connect(tmp_path / "mttx.db")) as other:
        other.execute("update totals set number = 7 where indicator = 'opened'")
        other.commit()
    assert shown(world, "mttx_incidents_opened_total", incident_severity="SEV-3") == 7


def test_it_shows_a_deadline_that_passes_although_nothing_is_written(world, reads):
    world.send(alert(0, 10, severity=Severity.SEV_1), received=11)
    world.minutes = 12 * 60 - 0.5
    assert shown(world, "mttx_postmortems_overdue", incident_severity="SEV-1", stage="draft") == 0
    world.minutes = 12 * 60
    assert shown(world, "mttx_postmortems_overdue", incident_severity="SEV-1", stage="draft") == 0
    assert len(reads[0]) == 1
    world.minutes = 12 * 60 + 0.1
    assert shown(world, "mttx_postmortems_overdue", incident_severity="SEV-1", stage="draft") == 1


def test_it_shows_what_becomes_stale_and_actions_that_become_late(world):
    world.send(alert(0), received=0)
    data = {"action_id": "A1", "action_type": "prevent", "due_at": at(1000).isoformat()}
    world.tell(1, K.ACTION_OPENED, 1, data=data)
    world.minutes = 999
    assert shown(world, "mttx_actions_overdue", action_type="prevent") == 0
    world.minutes = 1001
    assert shown(world, "mttx_actions_overdue", action_type="prevent") == 1
    assert shown(world, "mttx_incidents_stale") == 0
    world.minutes = 24 * 60 + 2
    assert shown(world, "mttx_incidents_stale") == 1


def test_it_reads_again_when_the_clock_was_set_back(world, reads):
    world.text()
    world.minutes -= 1
    world.text()
    assert len(reads[0]) == 2


def test_it_lets_incidents_leave_the_windows(world):
    world.open(event(K.DETECTED, 0), event(K.ACKNOWLEDGED, 5))
    windows = []
    for days in (6, 8):
        world.minutes = days * 24 * 60
        family = world.families()["mttx_indicator_seconds"]
        windows.append({s.labels["window"] for s in family.samples if s.labels["indicator"] == "acknowledge"})
    assert windows == [{"7d", "30d", "90d"}, {"30d", "90d"}]


def test_it_keeps_nothing_of_a_store_that_was_away(world, monkeypatch):
    world.open()

    def away(*_):
        raise StoreUnavailable

    monkeypatch.setattr(world.store, "read", away)
    assert "mttx_incidents_opened_total" not in world.text()
    assert "mttx_build_info" in world.text()
    monkeypatch.undo()
    assert shown(world, "mttx_incidents_opened_total", incident_severity="SEV-3") == 1


def test_it_shows_what_the_process_counted_within_a_second(world, monkeypatch):
    world.text()
    world.counters.request("alertmanager")
    monkeypatch.setattr(exposition, "PAGE_SECONDS", 0)
    assert shown(world, "mttx_webhook_requests_total", source="alertmanager") == 1


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_it_compresses_to_one_member_that_every_client_unpacks(busy, accept):
    plain, _ = busy.expose(accept, None)
    packed, _ = busy.expose(accept, "gzip")
    assert gzip.decompress(packed) == plain
    unpacking = zlib.decompressobj(wbits=31)
    assert unpacking.decompress(packed) == plain
    assert unpacking.eof
    assert unpacking.unused_data == b""


def test_it_reads_twice_at_most_for_a_crowd(world, reads):
    """Once for whoever comes first, and once for all who came while that went on."""
    world.open()
    reads[1][0] = 0.3
    crowd = [threading.Thread(target=world.expose, args=(OPENMETRICS, "gzip")) for _ in range(40)]
    for reader in crowd:
        reader.start()
    for reader in crowd:
        reader.join()
    assert len(reads[0]) <= 2


def test_it_answers_a_crowd_in_a_storm_with_what_was_read_since_it_asked(world, reads):
    asked_at = time.monotonic()
    world.open()
    world.expose(None, None, asked_at)
    for _ in range(20):
        world.open()
        world.expose(None, None, asked_at)
    assert len(reads[0]) == 1


def test_it_answers_without_incidents_when_another_reading_takes_too_long(world, monkeypatch):
    monkeypatch.setattr(exposition, "TURN_SECONDS", 0.1)
    with world.expose._turn:
        assert b"mttx_build_info" in world.expose(None, None)[0]
        assert b"mttx_build_info" in gzip.decompress(world.expose(OPENMETRICS, "gzip")[0])
