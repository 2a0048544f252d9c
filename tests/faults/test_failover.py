"""A primary that dies and a standby that takes over; a PgBouncer that dies. The address names both servers.

Nothing answered 2xx is lost if commits wait for the standby.
"""

import os
import signal
import time
from pathlib import Path

import pytest

from tests import pgbouncer
from tests.faults.senders import sending
from tests.faults.site import Postgres, check_refusals, recovered, wait_for_answers
from tests.real.processes import until

pytestmark = pytest.mark.real

torture = pytest.mark.torture


class Primary(Postgres):
    """A primary with a standby of its own, which is promoted when the primary is dead."""

    def __init__(self, *, is_synchronous):
        super().__init__()
        self.is_synchronous = is_synchronous
        self.standby = None

    def url(self, database):
        hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in (self, self.standby))
        return f"postgresql+psycopg://mttx@/{database}?{hosts}&target_session_attrs=read-write"

    def start(self):
        super().start()
        self.standby = Standby(self).start()
        if self.is_synchronous:
            self._ask("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        expected = "sync" if self.is_synchronous else "async"
        until(lambda: self.standbys() == [expected], f"a standby that is {expected}")
        return self

    def stop_sending(self):
        """Let the standby fall behind."""
        for pid in self.pids():
            if b"walsender" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGSTOP)

    def standbys(self):
        return self._ask("postgres", "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'")

    def remove(self):
        super().remove()
        if self.standby is not None:
            self.standby.remove()


class Standby(Postgres):
    """A copy of a primary that follows it until it is promoted."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__()

    def _make(self):
        self._run(
            *("pg_basebackup", "-h", "127.0.0.1", "-p", self.primary.port, "-U", "mttx", "-D", self.data),
            *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"),
        )

    def promote(self):
        self._run("pg_ctl", "-D", self.data, "-w", "promote")


class Pooled(Postgres):
    """A PostgreSQL that is reached through PgBouncer only."""

    def __init__(self, mode):
        super().__init__()
        self.pooler = pgbouncer.PgBouncer(self, mode)
        self.pooler_port = self.pooler.port

    def remove(self):
        super().remove()
        self.pooler.stop()


def fail_over(site, *, lag=0.0):
    """Kill the primary under load and promote its standby; returns for how long nothing was recorded.

    `lag`: seconds in which the primary sent nothing to its standby before it died.
    """
    primary = site.server
    with sending(site.exporters, clients=8, pause=0.1) as senders:
        site.senders.append(senders)
        wait_for_answers(senders, 60)
        if lag:
            primary.stop_sending()
            time.sleep(lag)
        died = time.monotonic()
        primary.kill()
        primary.standby.promote()
        recovery = recovered(senders, died)
        wait_for_answers(senders, 60)
    check_refusals(senders)
    return recovery


@pytest.mark.parametrize("_time", [1, *(pytest.param(n, marks=torture) for n in (2, 3, 4))])
def test_it_loses_nothing_when_a_synchronous_standby_takes_over(on_postgresql, _time):
    site = on_postgresql(server=Primary(is_synchronous=True))
    recovery = fail_over(site)
    site.hold_to_promises("kill -9 of the primary, its synchronous standby promoted", 1, recovery, at_least=100)


@torture
def test_it_counts_what_an_asynchronous_standby_has_not_seen(on_postgresql):
    """What was answered 2xx in the primary's last second is gone; nothing is there twice."""
    site = on_postgresql(server=Primary(is_synchronous=False))
    recovery = fail_over(site, lag=1.0)
    row = site.count("kill -9 of the primary, its asynchronous standby 1 s behind promoted", 1, recovery)
    assert row.doubled == 0
    assert row.stored < row.answered


@pytest.mark.parametrize("mode", pgbouncer.MODES)
def test_it_keeps_its_word_behind_a_pgbouncer_that_dies(on_postgresql, mode):
    if pgbouncer.installed() is None:
        pytest.skip("PgBouncer is not installed here (make servers)")
    site = on_postgresql(server=Pooled(mode))
    with sending(site.exporters, clients=8, pause=0.1) as senders:
        site.senders.append(senders)
        wait_for_answers(senders, 40)
        site.server.pooler.kill()
        site.server.pooler.start()
        recovery = recovered(senders, time.monotonic())
        wait_for_answers(senders, 40)
    check_refusals(senders)
    site.hold_to_promises(f"kill -9 of PgBouncer ({mode} mode)", 1, recovery, at_least=80)
