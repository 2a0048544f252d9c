"""A PostgreSQL that is away for minutes, hangs, or has no room: 503 while it lasts, nothing lost, and probes answer."""

import time
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.faults import volumes
from tests.faults.onlookers import looking
from tests.faults.senders import sending
from tests.faults.site import NOWHERE, Postgres, check_refusals, recovered, refusing, wait_for_answers
from tests.real.http import request
from tests.real.processes import until

pytestmark = pytest.mark.real

torture = pytest.mark.torture
PATIENCE = 34
"""Seconds in which a webhook is answered, whatever hangs: two to be let in and thirty for the commit."""


def assert_alive(onlookers):
    """The process was never taken for dead, whoever else waited."""
    assert set(onlookers.outcomes["/-/healthy"]) == {200}, onlookers.summary()


def is_read_again(exporter):
    """Say whether it stays so: for half a second after a reader waited in vain, others are refused."""
    for _ in range(3):
        if request("GET", f"{exporter.url}/-/ready").status != 200:
            return False
        time.sleep(0.3)
    return True


@pytest.mark.parametrize(
    ("how", "seconds"),
    [
        ("stopped", 2),
        ("hung", 6),
        pytest.param("stopped", 120, marks=torture),
        pytest.param("hung", 120, marks=torture),
    ],
)
def test_it_says_503_and_its_probe_answers_while_postgresql_is_away_for_long(on_postgresql, how, seconds):
    """Beside the senders pages, scrapes and probes wait for it, on each replica more than may read at a time."""
    long = seconds >= 60
    site = on_postgresql({"grafana": NOWHERE}, common=not long)
    with sending(site.exporters, clients=3 * 72 if long else 36, pause=0.5, pace=0.2) as senders:
        site.senders.append(senders)
        wait_for_answers(senders)
        with getattr(site.server, how)():
            with looking(site.exporters, readers=10) as onlookers:
                time.sleep(seconds)
            refused_by_then = Counter(senders.refused)
        recovery = recovered(senders, time.monotonic())
        wait_for_answers(senders)
    check_refusals(senders)
    what = {"hung": "PostgreSQL hangs", "stopped": "PostgreSQL stopped"}[how]
    note = f"the slowest webhook took {senders.slowest:.1f} s; {onlookers.summary()}"
    until(lambda: is_read_again(site.first), "the last reader that waits in vain", within=30)
    site.hold_to_promises(f"{what} for {seconds} s", 1, recovery, note, at_least=20)
    assert_alive(onlookers)
    assert set(onlookers.outcomes["/-/ready"]) <= {503, "cut"}
    assert senders.slowest < PATIENCE
    assert refused_by_then[503] > 0
    assert set(onlookers.outcomes["/metrics"]) == {200}, onlookers.summary()


@contextmanager
def _small_disk():
    """Give a PostgreSQL on a file system that holds it and some MiB, and that file system."""
    with volumes.small(96) as disk:
        disk.folder.chmod(0o755)
        yield Postgres(disk.folder, max_wal_size="32MB", min_wal_size="32MB", wal_recycle="off"), disk


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=torture)])
def test_it_says_503_while_postgresql_has_no_room_and_goes_on_when_it_was_started_again(on_postgresql, times):
    with _small_disk() as (server, disk):
        site, longest = on_postgresql(server=server), 0.0
        with sending(site.exporters, clients=8, pause=0.1) as senders:
            site.senders.append(senders)
            for _ in range(times):
                wait_for_answers(senders, 20)
                if isinstance(disk, volumes.Mounted):
                    disk.fill([])
                else:
                    server.limit_files()
                refusing(senders, sum(senders.refused.values()) + 20)
                assert all(request("GET", f"{exporter.url}/-/healthy").status == 200 for exporter in site.exporters)
                if isinstance(disk, volumes.Mounted):
                    disk.make_room([])
                server.stop("immediate")
                server.start()
                longest = max(longest, recovered(senders, time.monotonic()))
            wait_for_answers(senders)
        check_refusals(senders)
        site.hold_to_promises(f"disk full under PostgreSQL ({disk.how})", times, longest)
        server.remove()
