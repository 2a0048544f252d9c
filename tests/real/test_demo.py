"""`mttx demo` as somebody starts it who has heard of it a minute ago."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.http import request
from tests.real.processes import free_port, until

pytestmark = pytest.mark.real


@pytest.fixture
def demo(tmp_path):
    """Give a running demo with the address that it told, and where it keeps its database."""
    command = [sys.executable, "-m", "service", "demo", "--port", str(free_port())]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path), "PATH": ""}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        yield process, url, tmp_path
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_serves_pages_and_metrics_at_once_and_leaves_nothing_behind(demo):
    process, url, home = demo
    assert [path.name for path in home.iterdir() if path.name.startswith("mttx-demo-")]
    until(lambda: _page(url), "the first page")
    page = _page(url)
    assert "INC-" in page
    metrics = request("GET", f"{url}metrics").expect(200).body.decode()
    running = re.findall(r"^mttx_incidents_open\{.*\} ([1-9].*)$", metrics, re.MULTILINE)
    assert len(running) >= 4
    indicators = request("GET", f"{url}api/v1/indicators?window=30d").expect(200).json()["indicators"]
    assert {row["indicator"] for row in indicators} >= {"detect", "acknowledge", "resolve", "draft", "finalize"}
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert list(home.iterdir()) == []


def _page(url):
    try:
        return request("GET", url).expect(200).body.decode()
    except OSError:
        return ""
