"""A peer: alerta-server, which takes the same webhooks into PostgreSQL. It gets a virtual environment of its own.

Run as its container image runs it: gunicorn with several worker processes, here as many as gunicorn recommends. It
answers after its commits, as we do; it keeps each alert once, without incidents, milestones and histograms.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.cluster import durable_cluster
from benchmarks.load import Burst, burst
from benchmarks.plan import Plan
from benchmarks.report import Line, Section, Target
from benchmarks.servers import ROOT, NotReady, Server, free_address, running, started
from benchmarks.storm import Bursts, line, rounds

REQUIREMENTS = Path(__file__).with_name("alerta-requirements.txt")
FOLDER = ROOT / ".venv-alerta"
MIX = "peers"
_OURS = {"ours on PostgreSQL": Target(6, at_least=True), "ours on SQLite": Target(12, at_least=True)}
_WORKERS = 2 * (os.cpu_count() or 1) + 1


class NotInstalled(Exception):
    """The peer cannot be had here; the text says why."""


def measure(plan: Plan) -> list[Section]:
    """Send the same storm to alerta and to ours, on PostgreSQL and on SQLite, in turns."""
    program = _installed()
    folder = plan.folder / "alerta"
    folder.mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(durable_cluster(plan.folder.parent))
        servers = {
            "ours on PostgreSQL": stack.enter_context(running("ours", folder / "pg", cluster.new_database())),
            "ours on SQLite": stack.enter_context(running("ours", folder / "sqlite.db")),
            "alerta": stack.enter_context(_alerta(program, cluster.new_database(), folder)),
        }
        for server in servers.values():
            _check(burst(server.webhook_url, 8, plan.burst_seconds, MIX))
            server.settle()
        few = rounds(plan, servers, 8, MIX)
        many = rounds(plan, servers, 64, MIX)
    return [
        Section(f"against alerta-server ({_WORKERS} gunicorn workers), 8 connections", _lines(few)),
        Section(f"against alerta-server ({_WORKERS} gunicorn workers), 64 connections", _lines(many)),
    ]


def _lines(found: Bursts) -> list[Line]:
    return [
        line(f"webhooks/s, {ours}", found, "alerta", lambda b: b.per_second, shown="{:,.0f}", ours=ours, target=target)
        for ours, target in _OURS.items()
    ] + [line(f"p99, ms, {ours}", found, "alerta", lambda b: b.p99_ms, shown="{:,.1f}", ours=ours) for ours in _OURS]


def _check(one: Burst) -> None:
    if not one.accepted or one.failed > one.accepted:
        msg = f"only {one.accepted} webhooks were accepted, {one.failed} were not: this compares nothing"
        raise NotReady(msg)


def _installed() -> Path:
    """Install what is pinned, once, and return gunicorn's path. Raises NotInstalled."""
    program, done = FOLDER / "bin" / "gunicorn", FOLDER / ".done"
    if done.exists() and done.read_text() == REQUIREMENTS.read_text():
        return program
    pip = [str(FOLDER / "bin" / "pip"), "install", "--quiet", "--requirement", str(REQUIREMENTS)]
    try:
        for command in ([sys.executable, "-m", "venv", "--clear", str(FOLDER)], pip):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        msg = f"alerta-server cannot be installed here, and so is not compared: {said[-1] if said else error}"
        raise NotInstalled(msg) from error
    done.write_text(REQUIREMENTS.read_text())
    return program


@contextmanager
def _alerta(program: Path, url: str, folder: Path) -> Iterator[Server]:
    address = free_address()
    environ = {"PATH": os.defpath, "DATABASE_URL": url.replace("+psycopg", ""), "SECRET_KEY": "of-a-benchmark"}
    tables = [str(program.with_name("python")), "-c", "import alerta; alerta.create_app()"]
    subprocess.run(tables, env=environ, check=True)  # its workers would all make them at once, and fail
    command = [str(program), "--bind", address, "--workers", str(_WORKERS), "--worker-tmp-dir", "/dev/shm"]
    log = folder / "alerta.log"
    with started([*command, "alerta:create_app()"], environ, log, address, "/management/gtg") as server:
        server.webhook = "/webhooks/prometheus"
        yield server
