"""What a fault is done to: one exporter on a SQLite file, or three replicas on a PostgreSQL of their own."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.report import Row
from tests.faults.senders import kept
from tests.postgresql import PostgreSQL
from tests.real.processes import free_port, until
from tests.real.servers import Exporter

NOWHERE = {"url": "http://127.0.0.1:9", "token": "nobody listens"}
"""The settings of a Grafana that is not there."""


@dataclass
class Site:
    """`add` takes the rows of the table; `senders` are all that ever sent here."""

    on: str
    exporters: list
    add: object
    server: object = None
    senders: list = field(default_factory=list)

    @property
    def first(self):
        return self.exporters[0]

    def hold_to_promises(self, fault, times, recovery=None, note="", at_least=1):
        """Count what is there, add the row, and only then insist: what was answered 2xx is there, once.

        `at_least` so many webhooks were answered, or the fault was done to nobody.
        """
        row = self.count(fault, times, recovery, note)
        assert (row.stored, row.doubled) == (row.answered, 0)
        assert row.answered >= at_least
        opened = self.first.get_metrics().total("mttx_incidents_opened_total")
        assert opened == len(self.first.incidents()), "the running total and the list disagree"

    def count(self, fault, times, recovery=None, note=""):
        """Count what is there, and add the row."""
        answered, stored, doubled = kept(self.first, self.senders)
        refused = sum(sum(senders.refused.values()) for senders in self.senders)
        sent = sum(len(senders.bodies) for senders in self.senders)
        row = Row(fault, self.on, times, sent, refused, answered, stored, doubled, recovery, note)
        self.add(row)
        return row


def recovered(senders, since, within=90):
    """Wait for the first 2xx of what was sent since a moment; returns how long it took."""
    return until(lambda: senders.answered_after(since), "a webhook to be answered 2xx again", within, every=0.02)


def refusing(senders, count=1, statuses=(503,)):
    """Wait until tries are refused; nothing but `statuses` and connections that were cut may have come of any."""
    until(lambda: sum(senders.refused.values()) >= count, "a refusal", every=0.02)
    check_refusals(senders, statuses)


def check_refusals(senders, statuses=(503,)):
    assert set(senders.refused) <= {"cut", *statuses}, senders.refused


def wait_for_answers(senders, more=10, within=90):
    """Wait until so many more webhooks were answered."""
    enough = len(senders.answered) + more
    until(lambda: len(senders.answered) >= enough, f"{more} more answers", within, every=0.01)


def memory(exporter, what="VmHWM"):
    """Return the peak of memory (`VmRSS`: what is used now) over the exporter's processes, in MiB."""
    total = 0
    for pid in exporter.pids():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(what))
    return total / 1024


class Postgres(PostgreSQL):
    """Debian's PostgreSQL, which syncs, and which can be killed and stopped as a machine would be."""

    def __init__(self, under=None, **options):
        super().__init__(under, **{"fsync": "on", "full_page_writes": "on"} | options)
        self.port = free_port()  # while it is down nobody else may get it, not even a client that looks for it

    def pids(self):
        """Return the postmaster and its children."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError):
                _state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                if int(parent) == postmaster:
                    children.append(int(stat.parent.name))
        return [postmaster, *children]

    def signal_all(self, number):
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        """End it as a power cut would, in the middle of whatever transaction is under way."""
        pids = self.pids()
        self.signal_all(signal.SIGKILL)
        until(lambda: not any(map(_runs, pids)), "the end of PostgreSQL", every=0.02)
        # In a container nobody may reap it: its id stays taken, and PostgreSQL would take that for a living one.
        for lock in (self.data / "postmaster.pid", self.folder / f".s.PGSQL.{self.port}.lock"):
            lock.unlink()

    def kill_a_backend(self):
        """Kill the processes that serve clients; the postmaster then throws all of them out and recovers by itself."""
        for pid in self.pids()[1:]:
            with suppress(OSError):
                if b"mttx" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
                    return

    def pause(self, seconds):
        """Stop all of it for a while, as a machine that hangs or is moved."""
        with self.hung():
            time.sleep(seconds)

    def limit_files(self):
        """Have the kernel refuse every write that makes a file larger than it is, to what runs now."""
        for pid in self.pids():  # only their own user may
            subprocess.run([*self._as, "prlimit", f"--pid={pid}", "--fsize=1:"], check=False, capture_output=True)

    @contextmanager
    def hung(self):
        """Stop every process of it while the block runs: the kernel keeps the connections, and nobody answers."""
        self.signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal_all(signal.SIGCONT)

    @contextmanager
    def stopped(self):
        """Have nobody listen while the block runs."""
        self.stop("fast")
        try:
            yield
        finally:
            self.start()


def _runs(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def replicas(folder, url, config=None, under=((), (), ())):
    """Return exporters that share a database, each run by a command, started at the same moment, not waited for."""
    made = [Exporter(folder / f"replica-{n}", config, command, url) for n, command in enumerate(under)]
    for replica in made:
        replica.launch()
    return made
