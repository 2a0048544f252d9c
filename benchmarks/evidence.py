"""Collecting two gigabytes of logs as evidence: how fast with redaction, and that the memory does not grow with them.

Each collection is a process of its own that reports its peak memory, which counts Python and the libraries as well.
"""

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target

MB = 1_000_000
BLOCK = 16 * MB
BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)
MAX_MEMORY = 200
LOWEST_SPEED = 10


def measure(plan: Plan) -> list[Section]:
    """Collect a large log and one of a tenth of its size."""
    sizes = (plan.log_megabytes, plan.log_megabytes // 10)
    large, small = (_collected(plan.folder, size) for size in sizes)
    speed = [large["bytes"] / MB / large["seconds"]]
    title = f"mttx evidence collect, {sizes[0]:,} MB of JSON log lines, redacted, hashed and packed"
    against = f"{sizes[1]:,} MB"
    low, most = Target(LOWEST_SPEED, at_least=True, unit="MB/s"), Target(MAX_MEMORY, unit="MB")
    return [
        Section(
            title,
            [
                Line("MB/s", Figure(speed, "{:,.1f}"), target=low),
                Line("peak memory of the process, MB", Figure([large["memory"]]), target=most),
                Line(
                    "peak memory, MB", Figure([large["memory"]]), against, Figure([small["memory"]]), target=Target(1.2)
                ),
                Line("size of the archive, MB", Figure([large["archive"] / MB])),
                Line("secrets and personal data taken out", Figure([large["redactions"]])),
            ],
        )
    ]


def _collected(folder: Path, megabytes: int) -> dict[str, float]:
    """Write a log, collect it in another process, and remove both."""
    with tempfile.TemporaryDirectory(prefix="evidence-", dir=folder) as name:
        log = Path(name) / "app.jsonl"
        block = "".join(_lines(BLOCK)).encode()
        with log.open("wb") as file:
            for _ in range(max(1, megabytes * MB // len(block))):
                file.write(block)
        command = [sys.executable, "-m", "benchmarks.evidence", str(log)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told)
    return found


def _lines(size: int) -> Iterator[str]:
    """Yield lines of the standard's fields, one in five hundred with a secret or a person in it."""
    chance = random.Random(20261123)
    messages = (
        "order accepted",
        "retry 3 of 5 after a timeout",
        "GET https://risk.corp.net:8443/v1/limits?n=100 -> 200",
    )
    sensitive = ("login by taro.yamada@corp.co.jp, 090-1234-5678", "connect postgres://do:s3cr3t@db/orders")
    written = 0
    while written < size:
        second = chance.randrange(3600)
        told = {
            "timestamp": f"2026-11-23T09:{second // 60:02d}:{second % 60:02d}.{chance.randrange(1000):03d}Z",
            "level": chance.choice(("INFO", "WARN", "ERROR")),
            "component": chance.choice(("router", "risk", "gateway", "planner")),
            "correlation_id": f"{chance.getrandbits(128):032x}",
            "order_id": f"ORD-{chance.randrange(10**8):08d}",
            "dag_id": "daily_rebalance",
            "task_id": f"task_{chance.randrange(99)}",
            "strategy": chance.choice(("momentum", "carry")),
            "message": chance.choice(sensitive if chance.random() < 0.002 else messages),
            "latency_ms": round(chance.random() * 900, 3),
        }
        line = json.dumps(told) + "\n"
        written += len(line)
        yield line


def _collect(log: Path) -> dict[str, float]:
    """Collect one log in this process, and tell what it took."""
    from service.evidence.collecting import CollectOptions, collect  # noqa: PLC0415 - its memory is what is measured
    from service.evidence.sources.log_files import LogFiles, LogParseOptions  # noqa: PLC0415
    from service.evidence.sources.logs import LogSource  # noqa: PLC0415
    from service.evidence.window import time_window  # noqa: PLC0415

    end = BEGAN + timedelta(hours=1)
    window = time_window(BEGAN, end, ZoneInfo("Asia/Tokyo"), end)
    options = LogParseOptions(time_fields=("timestamp",), zone=UTC, keep_untimed=True)
    began = time.perf_counter()
    limits = CollectOptions(version="benchmark", max_bytes=1024**4)
    logs = LogSource([LogFiles([str(log)], [], options)])
    done = collect(window, [logs], log.with_suffix(".zip"), limits, lambda: BEGAN)
    seconds = time.perf_counter() - began
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return {
        "bytes": log.stat().st_size,
        "seconds": seconds,
        "memory": int(peak[1]) * 1024 / MB if peak else 0.0,
        "archive": done.size,
        "redactions": sum(sum(file.redactions.values()) for file in done.manifest.files),
    }


if __name__ == "__main__":
    print(json.dumps(_collect(Path(sys.argv[1]))))
