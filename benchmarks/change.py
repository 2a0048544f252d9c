"""A scrape after a change, in processor time, against one of pushgateway with as many series.

The service has a thousand past incidents and fifty that are open; before each scrape one more opens, or one ends.
"""

import http.client
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import past
from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target
from benchmarks.servers import NotReady, Server, free_address, running, started

OPEN = 50
_PROGRAM = "prometheus-pushgateway"
_SETTLED_SECONDS = 0.1


class NoPushgateway(Exception):
    """It is not installed."""


def measure(plan: Plan) -> list[Section]:
    """Change something and scrape both, in every round."""
    folder = plan.folder / "change"
    folder.mkdir()
    past.record_base(folder / "base.db")
    found: dict[str, list[float]] = {"ours": [], "pushgateway": []}
    with ExitStack() as stack:
        ours = stack.enter_context(running("ours", folder / "base.db"))
        for number in range(OPEN):
            _alert(ours, number)
        families = _families(ours)
        peer = stack.enter_context(_pushgateway(folder, families))
        for number in plan.rounds():
            _alert(ours, OPEN + number // 2 if number % 2 == 0 else number // 2, ended=bool(number % 2))
            for name, server in (("ours", ours), ("pushgateway", peer)):
                found[name].append(_spent(server))
    shutil.rmtree(folder)
    series = sum(not line.startswith("#") for line in families.splitlines())
    against = Figure(found["pushgateway"], "{:,.1f}")
    line = Line(
        "scrape after a change, ms of a core", Figure(found["ours"], "{:,.1f}"), "pushgateway", against, Target(1)
    )
    return [Section(f"scrape after a change, {series:,} series", [line])]


def _alert(server: Server, number: int, *, ended: bool = False) -> None:
    now = datetime.now(UTC)
    alert = {
        "status": "resolved" if ended else "firing",
        "labels": {
            "alertname": "HighErrorRate",
            "severity": ("critical", "error", "warning")[number % 3],
            "team": f"team-{number % 7}",
            "service": f"service-{number % 20}",
            "pod": f"change-{number}",
        },
        "annotations": {"summary": f"Errors above five percent on change-{number}"},
        "startsAt": (now - timedelta(minutes=number % 50 + 1)).replace(second=0, microsecond=0).isoformat(),
        "endsAt": now.isoformat() if ended else "0001-01-01T00:00:00Z",
        "fingerprint": f"{number:016x}",
    }
    body = {"version": "4", "groupKey": f'{{}}:{{pod="change-{number}"}}', "status": alert["status"], "alerts": [alert]}
    _send("POST", server.address, server.webhook, json.dumps(body).encode(), http.client.OK)


def _families(server: Server) -> str:
    """Return the service's own metrics as text, without those of the process and of Python."""
    text = _send("GET", server.address, "/metrics", b"", http.client.OK).decode()
    return "".join(f"{line}\n" for line in text.splitlines() if "mttx_" in line)


@contextmanager
def _pushgateway(folder: Path, families: str) -> Iterator[Server]:
    program, address = shutil.which(_PROGRAM), free_address()
    if program is None:
        msg = f"{_PROGRAM} is missing: apt-get install {_PROGRAM}"
        raise NoPushgateway(msg)
    command = [program, f"--web.listen-address={address}"]
    with started(command, os.environ, folder / "pushgateway.log", address, "/-/ready") as server:
        _send("PUT", address, "/metrics/job/mttx", families.encode(), http.client.OK)
        yield server


def _spent(server: Server) -> float:
    """Return the processor time of a scrape in milliseconds, once everything else has settled."""
    time.sleep(_SETTLED_SECONDS)
    before = server.processor_ms()
    server.scrape()
    time.sleep(_SETTLED_SECONDS / 2)  # Go collects garbage and closes connections afterwards
    return server.processor_ms() - before


def _send(method: str, address: str, path: str, body: bytes, expected: int) -> bytes:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != expected:
        raise NotReady(f"{method} {path} was answered {answer.status}: {text[:200]!r}")
    return text
