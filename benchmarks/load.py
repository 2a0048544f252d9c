"""Bursts of webhooks by wrk, and what it says of them."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path

SCRIPT = Path(__file__).with_name("storm.lua")
_bursts = count(1)


class NoLoadGenerator(Exception):
    """wrk is not installed."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst. `per_second` counts 2xx answers only; latencies are of all answers, in milliseconds."""

    accepted: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float


def burst(url: str, connections: int, seconds: int, mix: str = "storm") -> Burst:
    """Send as much as the server takes for that long, over so many connections; no two bursts share an alert."""
    wrk = shutil.which("wrk")
    if wrk is None:
        msg = "wrk is missing: apt-get install wrk"
        raise NoLoadGenerator(msg)
    command = [wrk, "--threads=1", f"--connections={connections}", f"--duration={seconds}s"]
    command += ["--timeout=30s", f"--script={SCRIPT}", url]
    said = subprocess.run(
        [*command, "--", f"b{next(_bursts)}", mix], check=True, capture_output=True, text=True, timeout=seconds + 60
    )
    told = json.loads(said.stdout.strip().splitlines()[-1])
    accepted = told["answers"] - told["refused"]
    return Burst(
        accepted=accepted,
        failed=told["refused"] + told["broken"],
        per_second=accepted / (told["microseconds"] / 1e6),
        p50_ms=told["p50"] / 1000,
        p99_ms=told["p99"] / 1000,
    )
