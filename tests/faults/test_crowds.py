"""Too many at once: connections that say nothing, clients that send byte by byte, and more webhooks than may wait."""

import resource
import selectors
import socket
import sqlite3
import time
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import create_engine, text

from service.store.engine import TURN
from tests.faults.senders import sending
from tests.faults.site import memory, recovered, refusing, wait_for_answers
from tests.real.http import request
from tests.real.processes import until

pytestmark = pytest.mark.real

torture = pytest.mark.torture
BEGINNING = b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: mttx\r\n"


@contextmanager
def files(needed):
    """Raise the number of files that we may have open, as far as we may; gives it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, needed))
            hard = needed
    enough = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))
    try:
        yield enough
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Connections that stay open as long as they are let; `say` gives a byte to each, so that none is idle."""

    def __init__(self, port):
        self._port = port
        self._open = []
        self._selector = selectors.DefaultSelector()

    def gather(self, count):
        for _ in range(count):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", self._port))
            self._open.append(connection)
            self._selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def say(self, text):
        """Send something on every connection that is open; those that were closed by the other side are left alone."""
        for connection in self._open:
            with suppress(OSError):
                connection.send(text)

    def connected(self):
        """Return how many connections are open as the kernel sees it."""
        count = 0
        for connection in self._open:
            with suppress(OSError):
                connection.getpeername()
                count += 1
        return count

    def close(self):
        self._selector.close()
        for connection in self._open:
            connection.close()


@pytest.mark.parametrize(
    ("engine", "count", "kind"),
    [
        ("sqlite", 1_500, "idle"),
        ("postgresql", 1_500, "idle"),
        *[
            pytest.param(on, 10_000, kind, marks=torture)
            for on in ("sqlite", "postgresql")
            for kind in ("idle", "slow")
        ],
    ],
)
def test_it_answers_webhooks_beside_a_crowd_that_says_nothing(on, engine, count, kind):
    """Of several replicas one has the crowd, and all get webhooks: it has its share of the database nonetheless."""
    site, took = on(engine, common=count < 10_000), []
    before = memory(site.first, "VmRSS")
    with files(count + 500) as enough:
        crowd = Crowd(site.first.port)
        try:
            crowd.gather(min(count, enough - 400))
            until(lambda: crowd.connected() > 400, "a crowd")
            with sending(site.exporters, clients=2 * len(site.exporters), pace=0.2) as senders:
                site.senders.append(senders)
                end = time.monotonic() + (3 if count < 10_000 else 30)
                while time.monotonic() < end:
                    if kind == "slow":
                        crowd.say(BEGINNING[:1])
                    time.sleep(0.5)
                wait_for_answers(senders, 1)
            took = [seconds for _, seconds in senders.landed]
        finally:
            crowd.close()
    used = memory(site.first)
    note = (
        f"{min(count, enough - 400)} connections; the slowest webhook took {max(took):.1f} s; "
        f"memory {before:.0f} MiB before, {used:.0f} MiB at its peak"
    )
    what = "idle connections" if kind == "idle" else "connections that send a byte occasionally"
    site.hold_to_promises(f"{count} {what}", 1, max(took), note, at_least=10)
    assert used - before < 300


@pytest.mark.parametrize("times", [1, pytest.param(8, marks=torture)])
def test_it_says_503_at_once_when_the_queue_is_full(on_sqlite, times):
    """Somebody holds SQLite's lock: four may wait, all others are turned away before they wait."""
    site, longest, busy = on_sqlite({"limits": {"queue": 4}}), 0.0, "mttx_webhook_failures_total"
    for _ in range(times):
        with sending(site.exporters, clients=12, pause=0.1) as senders:
            site.senders.append(senders)
            wait_for_answers(senders)
            with closing(sqlite3.connect(site.first.database, isolation_level=None, timeout=30)) as other:
                other.execute("BEGIN IMMEDIATE")
                before = site.first.get_metrics().total(busy, reason="busy")
                refusing(senders, sum(senders.refused.values()) + 20)
                assert request("GET", f"{site.first.url}/-/healthy").status == 200
                enough = before + 10
                until(lambda n=enough: site.first.get_metrics().total(busy, reason="busy") >= n, "the refusals shown")
                other.execute("ROLLBACK")
            longest = max(longest, recovered(senders, time.monotonic()))
    assert set(senders.refused) == {503}
    site.hold_to_promises("queue full (limits.queue: 4, the database locked)", times, longest)


@contextmanager
def turn_taken(server):
    """Have somebody else hold the lock that every replica writes under, so that nobody commits."""
    engine = create_engine(server)
    with engine.connect() as other:
        other.execute(text(f"SELECT pg_advisory_lock({TURN})"))
        yield
    engine.dispose()


@pytest.mark.parametrize(("times", "seconds"), [(1, 0), pytest.param(4, 30, marks=torture)])
def test_it_says_503_at_once_when_the_queues_of_all_replicas_are_full(on_postgresql, times, seconds):
    """Somebody else has the turn to write: four may wait on each replica, and all others are turned away.

    Whoever waits for the turn for 20 s is told that the store does not answer.
    """
    site, longest = on_postgresql({"limits": {"queue": 4}}, common=not seconds), 0.0
    for _ in range(times):
        with sending(site.exporters, clients=30, pause=0.2) as senders:
            site.senders.append(senders)
            wait_for_answers(senders)
            with turn_taken(site.first.database_url):
                before = [refusals(exporter, "busy") for exporter in site.exporters]
                refusing(senders, sum(senders.refused.values()) + 30)
                until(
                    lambda before=before: all(
                        refusals(exporter, "busy") > count
                        for exporter, count in zip(site.exporters, before, strict=True)
                    ),
                    "every replica to be busy",
                )
                time.sleep(seconds)
                for exporter in site.exporters:
                    assert request("GET", f"{exporter.url}/-/healthy").status == 200
                    assert request("GET", f"{exporter.url}/-/ready").status == 503, "nothing can be taken in"
                    assert exporter.incidents(), "who only reads needs no turn"
            longest = max(longest, recovered(senders, time.monotonic()))
        assert set(senders.refused) == {503}
    if seconds > 20:
        assert sum(refusals(exporter, "store") for exporter in site.exporters)
    what = "the write lock held" if not seconds else f"the write lock held for {seconds} s"
    site.hold_to_promises(f"queue full (limits.queue: 4, {what})", times, longest)


def refusals(exporter, reason):
    return exporter.get_metrics().total("mttx_webhook_failures_total", reason=reason)
