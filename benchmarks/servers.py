"""Starting the service as users do, on loopback, with a database of its own; and what is seen of it from outside."""

import ctypes
import gzip
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "ours": ["-m", "service", "serve"],
    "no-store": ["-m", "benchmarks.variants", "no-store", "serve"],
    "naive": ["-m", "benchmarks.variants", "naive", "serve"],
    "flask": ["-m", "granian", "--interface", "wsgi", "--blocking-threads", "64", "benchmarks.minimal:app"],
}
READY_WITHIN = 60.0
STOP_WITHIN = 15.0
_PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK")


class NotReady(Exception):
    """A server did not start; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """One scrape, as Prometheus does it: OpenMetrics, gzip."""

    milliseconds: float
    sent_bytes: int
    plain_bytes: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB: the worker's, and that of all processes with the pages that they share counted once."""

    worker: float
    total: float


@dataclass(slots=True)
class Server:
    """A running server. `ready_after` is the time from the start of the process to the first 200 of /-/ready."""

    address: str
    process: subprocess.Popen[bytes]
    ready_after: float
    webhook: str = "/webhooks/alertmanager"
    _pids: list[int] = field(default_factory=list)

    @property
    def webhook_url(self) -> str:
        """Where notifications go."""
        return f"http://{self.address}{self.webhook}"

    def scrape(self) -> Scrape:
        """Scrape /metrics over a connection of its own."""
        headers = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
        began = time.perf_counter()
        status, body = _get(self.address, "/metrics", headers)
        took = time.perf_counter() - began
        if status != http.client.OK:
            msg = f"the scrape was answered {status}"
            raise NotReady(msg)
        return Scrape(took * 1000, len(body), len(gzip.decompress(body)))

    def memory(self) -> Memory:
        """Read the resident memory of all processes; the largest is the worker."""
        family = self._family()
        return Memory(max(_memory_mb(pid, "Rss") for pid in family), sum(_memory_mb(pid, "Pss") for pid in family))

    def processor_ms(self) -> float:
        """Return the processor time of all processes so far, in milliseconds."""
        tasks = (task for pid in self._family() for task in Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def settle(self, quiet: float = 0.15, patience: float = 10.0) -> None:
        """Wait until the server has worked off what it took in, so that it does not disturb what comes next."""
        end = time.monotonic() + patience
        before = -1
        while (now := sum(_cpu_ticks(pid) for pid in self._family())) - before > quiet * _TICKS / 10:
            if time.monotonic() > end:
                return
            before = now
            time.sleep(quiet)

    def _family(self) -> list[int]:
        if not self._pids:
            pid = self.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            self._pids = [pid, *(int(child) for child in children.split())]
        return self._pids


@contextmanager
def running(kind: str, database: Path, url: str | None = None) -> Iterator[Server]:
    """Start a server of a kind (`COMMANDS`) on a database file or `url`, and stop it in the end, whatever happens."""
    address = free_address()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MTTX_")}
    environ["MTTX_LISTEN"] = address
    environ["MTTX_DATABASE_URL"] = url or f"sqlite:///{database}"
    environ["MTTX_LOG_LEVEL"] = environ["GRANIAN_LOG_LEVEL"] = "warning"
    environ["GRANIAN_HOST"], environ["GRANIAN_PORT"] = address.split(":")
    command = [sys.executable, *COMMANDS[kind]]
    with started(command, environ, database.with_suffix(".log"), address, "/-/ready") as server:
        yield server


@contextmanager
def started(
    command: Sequence[str], environ: Mapping[str, str], log: Path, address: str, ready: str
) -> Iterator[Server]:
    """Start any server that answers 200 at `ready` once it is ready, and stop it in the end, whatever happens."""
    began = time.perf_counter()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread of ours runs by then
        )
    try:
        _wait_until_ready(address + ready, process, log)
        yield Server(address, process, time.perf_counter() - began)
    finally:
        _stop(process)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_WITHIN
    while not _is_ready(url):
        if process.poll() is not None or time.monotonic() > end:
            msg = f"the server did not start:\n{log.read_text()[-2000:]}"
            raise NotReady(msg)
        time.sleep(0.005)


def _is_ready(url: str) -> bool:
    address, _, path = url.partition("/")
    try:
        return _get(address, f"/{path}", {})[0] == http.client.OK
    except OSError:
        return False


def _get(address: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:  # its worker leaves when it is gone
        process.kill()
        process.wait()


def _end_with_parent() -> None:
    """Have the kernel stop the server when this benchmark is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_address() -> str:
    """Return a loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _memory_mb(pid: int, kind: str) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
