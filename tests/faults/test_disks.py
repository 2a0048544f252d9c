"""Disks that are full, read-only or stall under a SQLite file: 503 while it lasts, and nothing lost."""

import sqlite3
import time
from contextlib import closing, contextmanager

import pytest

from tests.faults import volumes
from tests.faults.onlookers import looking
from tests.faults.senders import sending
from tests.faults.site import check_refusals, recovered, refusing, wait_for_answers
from tests.faults.starts import refused_start
from tests.real.http import request
from tests.real.servers import Exporter

pytestmark = pytest.mark.real

torture = pytest.mark.torture


def assert_counted(site, senders):
    """Every refusal was a 503, and each of them was counted with its reason."""
    assert set(senders.refused) == {503}, senders.refused
    metrics = site.first.get_metrics()
    assert metrics.total("mttx_webhook_failures_total", reason="store") == senders.refused[503]
    assert metrics.total("mttx_store_errors_total") > 0


@pytest.mark.parametrize(
    ("place", "times"),
    [("small", 1), pytest.param("small", 10, marks=torture), pytest.param("limited", 5, marks=torture)],
)
def test_it_says_503_while_the_disk_is_full_and_goes_on_when_there_is_room(on_sqlite, place, times):
    make = {"small": lambda: volumes.small(24), "limited": volumes.limited}[place]
    with make() as disk:
        site, longest = on_sqlite(database=disk.folder / "mttx.db"), 0.0
        with sending(site.exporters) as senders:
            site.senders.append(senders)
            for _ in range(times):
                wait_for_answers(senders, 20)
                disk.fill(site.first.pids())
                refusing(senders, sum(senders.refused.values()) + 20)
                assert request("GET", f"{site.first.url}/-/healthy").status == 200
                assert site.first.get_metrics().total("mttx_store_errors_total") > 0
                assert len(site.first.incidents()) >= 20
                disk.make_room(site.first.pids())
                longest = max(longest, recovered(senders, time.monotonic()))
            wait_for_answers(senders)
        assert_counted(site, senders)
        site.first.restart()
        site.hold_to_promises(f"disk full ({disk.how})", times, longest, "counted after one more restart")


@contextmanager
def read_only():
    """Give (a folder, what makes it read-only for those who write there, what makes it writable again, how)."""
    with volumes.ext4() as disk:
        if disk is not None:

            def writable(site):
                site.first.stop()  # it holds files of the broken mount open; systemd or Kubernetes do this
                disk.mount_again()
                site.first.launch()

            yield disk.folder, lambda site: disk.abort(), writable, "ext4 after a write error"
        else:
            with volumes.limited() as folder:
                yield (
                    folder.folder,
                    lambda site: folder.fill(site.first.pids()),
                    lambda site: folder.make_room(site.first.pids()),
                    folder.how,
                )


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=torture)])
def test_it_says_503_while_the_file_system_is_read_only(on_sqlite, times):
    """Nobody sends in the instant in which it breaks: ext4 calls synced then what it drops (docs/faults.md)."""
    with read_only() as (folder, break_it, mend_it, how):
        site, longest = on_sqlite(database=folder / "mttx.db"), 0.0
        for _ in range(times):
            with sending(site.exporters, count=30) as before:
                site.senders.append(before)
            break_it(site)
            with sending(site.exporters) as senders:
                site.senders.append(senders)
                refusing(senders, 20)
                assert not senders.answered
                assert request("GET", f"{site.first.url}/-/healthy").status == 200
                assert site.first.get_metrics().total("mttx_store_errors_total") > 0
                mend_it(site)
                longest = max(longest, recovered(senders, time.monotonic()))
                wait_for_answers(senders)
            check_refusals(senders)
            assert senders.refused[503] >= 20
        site.hold_to_promises(f"read-only file system ({how})", times, longest)


def test_it_refuses_to_start_on_a_read_only_file_system(tmp_path):
    with volumes.ext4() as disk:
        if disk is not None:
            disk.mount_again("ro")
            exporter = Exporter(tmp_path, database_url=f"sqlite:///{disk.folder}/mttx.db")
            assert "Read-only file system; the folder of database_url must exist and be writable" in refused_start(
                exporter
            )
            return
    limited = Exporter(tmp_path, under=["prlimit", "--fsize=0"])
    assert "cannot open" in refused_start(limited)


@contextmanager
def stalling():
    """Give (a folder, a context in which nobody can commit there, how)."""
    with volumes.ext4() as disk:
        if disk is not None:
            yield disk.folder, disk.stalled, "a frozen ext4"
        else:
            with volumes.limited() as folder:
                yield folder.folder, lambda: locked(folder.folder / "mttx.db"), "somebody else's lock"


@contextmanager
def locked(database):
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize(("times", "seconds"), [(1, 7), pytest.param(3, 15, marks=torture)])
def test_it_says_503_while_the_disk_stalls_and_its_probe_still_answers(on_sqlite, times, seconds):
    """Writes neither succeed nor fail, and each holds a thread: the others have to be turned away at once.

    More senders and readers than there are threads for wait meanwhile.
    """
    with stalling() as (folder, stalled, how):
        site, longest, probes = on_sqlite({"threads": 16}, database=folder / "mttx.db"), 0.0, []
        with sending(site.exporters, clients=32, pause=0.3) as senders:
            site.senders.append(senders)
            for _ in range(times):
                wait_for_answers(senders, 20)
                with looking(site.exporters, readers=10) as onlookers, stalled():
                    time.sleep(seconds)
                assert set(onlookers.outcomes["/-/healthy"]) == {200}, onlookers.summary()
                probes.append(onlookers.slowest["/-/healthy"])
                longest = max(longest, recovered(senders, time.monotonic()))
        check_refusals(senders)
        slowest = f"the slowest answer took {senders.slowest:.1f} s, the slowest probe {max(probes):.2f} s"
        site.hold_to_promises(
            f"disk stalls for {seconds} s ({how})", times, longest, f"{slowest}; {onlookers.summary()}"
        )
        assert max(probes) < seconds - 1, "the probe waited behind those who wait for the disk"
