"""A server as a process of its own session: started, waited for within bounds, stopped, killed. Knows no product."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.real.http import request

# Below the kernel's ephemeral range, so that no outgoing connection takes a port between two starts of a server.
PORTS = range(20_000, 32_000)
# The machines are slow and shared: bounds are there to end a hopeless wait, never to measure.
PATIENCE = 90.0
_taken = set()


def free_port():
    """Return a port of 127.0.0.1 that nobody listens on and that this run has not given away before."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _taken:
            _taken.add(port)
            return port


def until(probe, what, within=PATIENCE, every=0.1):
    """Return the first truthy answer of `probe`; a refused connection counts as a no."""
    deadline = time.monotonic() + within
    while True:
        try:
            last = probe()
        except OSError as error:
            last = error
        else:
            if last:
                return last
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within:.0f} s for {what}; the last answer was {last!r}")
        time.sleep(every)


class Server:
    """A command that listens on a loopback port, with a home folder, a log, and a path that answers 200 when ready."""

    name = "server"
    ready_path = "/-/ready"

    def __init__(self, home):
        self.home = Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.log = self.home / f"{self.name}.log"
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def command(self):
        raise NotImplementedError

    def environment(self):
        """Return our environment without proxies and without settings of the developer's own exporter."""
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("MTTX_") and not name.lower().endswith("_proxy")
        }

    def start(self):
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self):
        """Start the process without waiting for it; all that it starts shares its session and its process group."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, within=PATIENCE):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode} at its start\n{self.tail()}")
            return request("GET", self.url + self.ready_path, timeout=5).status == 200

        try:
            until(ready, f"{self.name} to be ready", within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def terminate(self, within=PATIENCE):
        """Ask the main process to end (SIGTERM), wait for it, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs {within:.0f} s after SIGTERM\n{self.tail()}") from None

    def kill(self):
        """End the whole process group at once, as a power cut would."""
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def kill_parent(self):
        """End the main process only, as the OOM killer would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        """End it in any state and leave nothing behind. Not an assertion about how it ends."""
        if self.process is not None:
            self.kill()

    def pids(self):
        """Return the living processes of the session that the last start began, the main one or not."""
        return session_pids(self.process.pid)

    def tail(self, lines=40):
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.name} at {self.address}, the last of {len(text)} log lines", *text[-lines:]])


def signal_group(group, number):
    """Signal a process group that may be gone already."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def session_pids(session):
    """Return the pids of a session, without the dead ones that wait for their parent."""
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # proc(5): "pid (comm) state ppid pgrp session ..."; comm may hold spaces and parentheses.
            state, _ppid, _pgrp, of_session = stat.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(of_session) == session and state not in "ZX":
            pids.append(int(stat.parent.name))
    return pids
