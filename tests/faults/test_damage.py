"""A SQLite file that is damaged: refused at the start with every byte as it was, 503 while running; then a restore."""

import json
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from service import app as composition
from tests.faults.senders import sending
from tests.faults.site import check_refusals, recovered, refusing, wait_for_answers
from tests.faults.starts import refused_start
from tests.hostile.corpus import JSON, Seed
from tests.hostile.service import Service
from tests.real.http import request
from tests.real.servers import Exporter
from tests.real.storms import notification

pytestmark = pytest.mark.real

torture = pytest.mark.torture
PAGE = 4096


def used(exporter):
    """Fill the database of an exporter that does not run, and return its file."""
    exporter.start()
    with sending([exporter], count=200):
        pass
    exporter.terminate()
    return exporter.database


def damaged_header(database):
    with database.open("r+b") as file:
        file.write(b"\xff" * 100)


def cut_off(database):
    with database.open("r+b") as file:
        file.truncate(database.stat().st_size // 2 // PAGE * PAGE)


def gone(database):
    """The file is lost, the log beside it is not."""
    database.with_name(database.name + "-wal").write_bytes(database.read_bytes()[:PAGE])
    database.unlink()


def contents(folder):
    """Return every file of the database, but for the lock, which holds nothing."""
    return {path.name: path.read_bytes() for path in folder.glob("mttx.db*") if path.suffix not in (".lock", ".db-shm")}


@torture  # CI has tests/store/test_sqlite.py
def test_it_refuses_to_start_on_a_damaged_database_and_leaves_every_byte(tmp_path):
    """Each time it says which file it is, and what is wrong."""
    exporter = Exporter(tmp_path)
    database = used(exporter)
    whole = database.read_bytes()
    for damage, words in (
        (damaged_header, "file is not a database"),
        (cut_off, "database disk image is malformed"),
        (gone, "is missing or empty, but mttx.db-wal beside it contains the last writes"),
    ):
        database.write_bytes(whole)
        damage(database)
        before = contents(tmp_path)
        line = refused_start(exporter)
        assert words in line, damage
        assert str(database) in line
        assert contents(tmp_path) == before, damage


def damage_pages(database):
    """Overwrite all pages but the first under the running service, after its log was emptied."""
    with closing(sqlite3.connect(database, isolation_level=None)) as beside:
        assert beside.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xff" * (size - PAGE))


def test_it_says_503_and_counts_it_while_pages_are_damaged(tmp_path, monkeypatch):
    """Alertmanager tries again; nobody has to start anything anew for that."""
    monkeypatch.setattr(composition.logs, "configure", lambda level: None)
    monkeypatch.setattr(composition.atexit, "register", lambda function: None)
    service, bodies = Service(tmp_path), [json.dumps(notification(f"storm-0-{n}")).encode() for n in range(60)]
    try:
        taken = [service.send(Seed("/webhooks/alertmanager", body, JSON), 0).status for body in bodies[:50]]
        damage_pages(tmp_path / "mttx.db")
        refused = [service.send(Seed("/webhooks/alertmanager", body, JSON), 0).status for body in bodies[50:]]
        assert (set(taken), set(refused)) == ({200}, {503})
        assert service.ask("GET", "/-/healthy").status == 200
        text = service.ask("GET", "/metrics").text
        assert "\nmttx_store_errors_total 10.0\n" in text
        assert '\nmttx_webhook_failures_total{reason="store",source="alertmanager"} 10.0\n' in text
        assert "\nmttx_scrape_errors_total 1.0\n" in text
    finally:
        service.close()


@torture
def test_it_says_503_while_pages_are_damaged_and_is_whole_again_after_a_restore(on_sqlite, tmp_path):
    """What was answered 2xx is in the backup here, since it was made when nobody sent anything."""
    site, longest, refused, times = on_sqlite(), 0.0, 0, 3
    mttx = site.first.command()[:-1]
    for number in range(times):
        with sending(site.exporters, count=40) as senders:
            site.senders.append(senders)
        backup = tmp_path / f"backup-{number}.db"
        subprocess.run([*mttx, "db", "backup", backup], env=site.first.environment(), cwd=site.first.home, check=True)
        damage_pages(site.first.database)
        process = site.first.process.pid
        with sending(site.exporters, pause=0.1) as senders:
            site.senders.append(senders)
            refusing(senders, 30)
            assert request("GET", f"{site.first.url}/-/healthy").status == 200
            metrics = site.first.get_metrics()
            assert metrics.total("mttx_store_errors_total") > 0
            assert metrics.total("mttx_scrape_errors_total") > 0
            assert request("GET", f"{site.first.url}/api/v1/incidents").status == 503
            assert not senders.answered, "what is answered 2xx now is not in the backup"
            assert site.first.process.pid == process
            assert site.first.process.poll() is None
            site.first.terminate()
            restore = [*mttx, "db", "restore", "--replace", backup]
            subprocess.run(restore, env=site.first.environment(), cwd=site.first.home, check=True)
            site.first.launch()
            longest = max(longest, recovered(senders, time.monotonic()))
            wait_for_answers(senders)
        check_refusals(senders)
        refused += senders.refused[503]
    assert refused >= 30 * times
    site.hold_to_promises("damaged pages, then a restore", times, longest)


@torture  # CI has tests/store/test_sqlite.py
def test_a_second_service_on_the_same_file_is_refused_and_the_first_goes_on(on_sqlite, tmp_path):
    site = on_sqlite()
    with sending(site.exporters) as senders:
        site.senders.append(senders)
        wait_for_answers(senders)
        second = Exporter(tmp_path / "second", database_url=site.first.database_url)
        assert "another mttx-exporter uses this database" in refused_start(second)
        wait_for_answers(senders)
    assert not senders.refused
    site.hold_to_promises("a second service on the same SQLite file", 1)
