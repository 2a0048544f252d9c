"""`python -m benchmarks.way`: the way of the first alert of a new group, from the socket to the committed row.

Builds the service in this process as `mttx serve` does, hands it one webhook in place of Granian, and lists the
project's functions that run until the response, by file in the order of their first call.
"""

import asyncio
import json
import os
import sys
import tempfile
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

import click

from service.cli.worker import application
from service.settings.sources import load
from service.settings.web_config import WebConfig

SERVICE = Path(__file__).resolve().parents[1] / "service"


class Way:
    """The calls of the project's functions between `start` and `stop`, in any thread."""

    def __init__(self) -> None:
        self.calls: Counter[CodeType] = Counter()
        self.tracing = False

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Count a call; the interpreter calls this for every function. Comprehensions belong to their function."""
        code = frame.f_code
        if self.tracing and event == "call" and code.co_filename.startswith(str(SERVICE)) and code.co_name[0] != "<":
            self.calls[code] += 1

    @property
    def by_file(self) -> dict[str, list[CodeType]]:
        """The functions, by file in the order of the first call."""
        files: dict[str, list[CodeType]] = {}
        for code in self.calls:
            files.setdefault(str(Path(code.co_filename).relative_to(SERVICE)), []).append(code)
        return files


def alert(name: str) -> bytes:
    """Return a webhook of Alertmanager with one firing alert, alone in its group."""
    labels = {"alertname": name, "severity": "critical"}
    body = {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "status": "firing",
        "receiver": "mttx",
        "groupLabels": {"alertname": name},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "truncatedAlerts": 0,
        "alerts": [
            {
                "status": "firing",
                "labels": labels,
                "annotations": {"summary": "Checkout is down"},
                "startsAt": datetime.now(UTC).isoformat(),
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus.example",
                "fingerprint": f"{abs(hash(name)):016x}"[:16],
            }
        ],
    }
    return json.dumps(body).encode()


def follow() -> Way:
    """Send a first alert to a service that has already seen another group, and return its way."""
    way = Way()
    threading.setprofile(way)
    sys.setprofile(way)
    with tempfile.TemporaryDirectory(prefix="mttx-way-") as folder:
        overrides = {"MTTX_DATABASE_URL": f"sqlite:///{folder}/mttx.db", "MTTX_LOG_LEVEL": "warning"}
        front = application(load(None, {**os.environ, **overrides}), WebConfig())
        asyncio.run(_send(front, [alert("Warm"), alert("CheckoutDown")], way))
    sys.setprofile(None)
    threading.setprofile(None)
    return way


async def _send(front: Any, bodies: list[bytes], way: Way) -> None:
    """Send webhooks one after the other, and trace the last: the first one also builds what is built once."""
    front.__rsgi_init__(asyncio.get_running_loop())
    for body in bodies:
        way.tracing = body is bodies[-1]
        request = Request(body)
        await front.__rsgi__(request.scope, request)
        way.tracing = False
        if request.status != 200:
            raise click.ClickException(f"{request.status}: {request.response.decode()}")


class Request:
    """A request as Granian 2.8 presents it by RSGI: a scope, a body to await, and where the response goes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.status = 0
        self.response = b""
        self.scope = SimpleNamespace(
            method="POST",
            path="/webhooks/alertmanager",
            query_string="",
            http_version="1.1",
            server="127.0.0.1:9877",
            client="127.0.0.1:50000",
            scheme="http",
            headers={"host": "127.0.0.1:9877", "content-type": "application/json", "content-length": str(len(body))},
        )

    async def __call__(self) -> bytes:
        """Return the body."""
        return self._body

    def response_bytes(self, status: int, _: list[tuple[str, str]], body: bytes) -> None:
        """Take the response."""
        self.status, self.response = status, body


@click.command()
@click.option("--functions", is_flag=True, help="List the functions, not only their number by file.")
def main(functions: bool) -> None:
    """Print the files and functions that a first alert passes."""
    way = follow()
    for file, codes in way.by_file.items():
        click.echo(f"{len(codes):4}  {file}")
        if functions:
            for code in codes:
                click.echo(f"        {way.calls[code]:3} x {code.co_qualname}:{code.co_firstlineno}")
    click.echo(f"{len(way.calls):4}  functions in {len(way.by_file)} files")


if __name__ == "__main__":
    main()
