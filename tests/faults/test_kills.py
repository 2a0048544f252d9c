"""Processes that are killed, stopped and restarted under load: what was answered 2xx is there, once."""

import random
import time

import pytest

from tests.faults.senders import sending
from tests.faults.site import check_refusals, recovered, refusing, wait_for_answers

pytestmark = pytest.mark.real

torture = pytest.mark.torture
BOTH = pytest.mark.parametrize("engine", ["sqlite", "postgresql"])


def repeated(site, times, fault, clients=8):
    """Do a fault to a site under load, again and again; `fault(senders)` returns when it was over.

    Returns the longest time to the first 2xx afterwards.
    """
    longest = 0.0
    with sending(site.exporters, clients) as senders:
        site.senders.append(senders)
        for _ in range(times):
            wait_for_answers(senders)
            time.sleep(random.uniform(0, 0.3))
            longest = max(longest, recovered(senders, fault(senders)))
    check_refusals(senders)
    return longest


@torture  # CI has tests/real/test_kill9.py
@BOTH
def test_it_keeps_its_word_when_every_process_is_killed(on, engine):
    site, times = on(engine), 8 if engine == "sqlite" else 5

    def fault(senders):
        for exporter in site.exporters:
            exporter.kill()
        for exporter in site.exporters:
            exporter.launch()
        began = time.monotonic()  # from the order to start, since all have to
        for exporter in site.exporters:
            exporter.wait_until_ready()
        return began

    longest = repeated(site, times, fault)
    what = "kill -9 of the service" if engine == "sqlite" else "kill -9 of all replicas"
    site.hold_to_promises(what, times, longest)


@torture  # CI has tests/real/test_replicas.py
def test_it_keeps_its_word_when_one_replica_is_killed(on):
    site, times = on("postgresql"), 6

    def fault(senders):
        killed = random.choice(site.exporters)
        killed.kill()
        ended = time.monotonic()  # the others are there
        wait_for_answers(senders)
        killed.start()
        return ended

    longest = repeated(site, times, fault)
    site.hold_to_promises("kill -9 of one replica", times, longest)


@torture  # CI has tests/real/test_shutdown.py
@BOTH
def test_it_keeps_its_word_when_it_is_told_to_stop(on, engine):
    """The answers after the order count as much as those before."""
    site, times = on(engine), 6

    def fault(senders):
        exporter = random.choice(site.exporters)
        assert exporter.terminate(within=60) == 0, exporter.tail()
        exporter.launch()
        began = time.monotonic()
        exporter.wait_until_ready()
        return began

    longest = repeated(site, times, fault, clients=16)
    what = "SIGTERM under load" if engine == "sqlite" else "SIGTERM of one replica under load"
    site.hold_to_promises(what, times, longest)


@torture  # CI has a crash of it in tests/real/test_replicas.py
def test_it_keeps_its_word_when_postgresql_is_killed_in_the_middle_of_transactions(on):
    site, times = on("postgresql"), 6

    def fault(senders):
        site.server.kill()
        refusing(senders)
        site.server.start()
        return time.monotonic()

    longest = repeated(site, times, fault)
    site.hold_to_promises("kill -9 of all PostgreSQL processes", times, longest)


@torture
def test_it_keeps_its_word_when_a_backend_of_postgresql_is_killed(on):
    site, times = on("postgresql"), 6

    def fault(senders):
        site.server.kill_a_backend()
        return time.monotonic()

    longest = repeated(site, times, fault)
    site.hold_to_promises("kill -9 of a PostgreSQL backend", times, longest)


@torture  # CI has tests/real/test_replicas.py
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_it_keeps_its_word_when_postgresql_is_restarted(on, mode):
    site, times = on("postgresql"), 4

    def fault(senders):
        site.server.stop(mode)
        refusing(senders)
        site.server.start()
        return time.monotonic()

    longest = repeated(site, times, fault)
    site.hold_to_promises(f"PostgreSQL restart ({mode})", times, longest)


@torture  # CI has test_databases.py
def test_it_keeps_its_word_when_postgresql_hangs_for_a_while(on):
    """As in a failover, or when its machine is moved: connections stay open and nobody answers."""
    site, times, seconds = on("postgresql"), 3, 12

    def fault(senders):
        site.server.pause(seconds)
        return time.monotonic()

    longest = repeated(site, times, fault)
    slowest = max(senders.slowest for senders in site.senders)
    site.hold_to_promises(
        f"PostgreSQL hangs for {seconds} s", times, longest, f"the slowest answer took {slowest:.1f} s"
    )
