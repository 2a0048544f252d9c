"""Evidence of an incident whose metrics a real Prometheus has: the tables are exactly what its API answers."""

import csv
import io
import json
import math
import os
import struct
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import yaml

from tests.real.http import request
from tests.real.servers import REPOSITORY, Exporter, Prometheus, rfc3339

pytestmark = pytest.mark.real

STEP = 15
BEGAN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=9)
DETECTED, MITIGATED, RESOLVED = (BEGAN + timedelta(minutes=minutes) for minutes in (4, 31, 64))
LATENCY = {
    "name": "Checkout latency",
    "query": 'sum by (instance) (demo_latency_seconds{job="{{ $labels.job }}"})',
    "unit": "seconds",
}
FINE = {"name": "Latency every second", "query": 'demo_latency_seconds{instance="a"}', "unit": "s", "step": "1s"}
BROKEN = {"name": "broken", "query": "sum(", "unit": "s"}
RULES = {
    "groups": [
        {"name": "demo", "rules": [{"alert": "CheckoutSlow", "expr": "demo_latency_seconds > 1", "for": "5m"}]},
    ]
}


def history():
    """The metrics of eleven hours, as OpenMetrics: the incident shows, and one instance is silent for a while."""
    lines = ["# TYPE demo_latency_seconds gauge"]
    for number, instance in enumerate("ab"):
        at = BEGAN - timedelta(hours=1)
        while at < BEGAN + timedelta(hours=3):
            slow = 1.7 if BEGAN <= at < MITIGATED + timedelta(minutes=20 * number) else 0
            value = 0.2 + slow + 0.04 * math.sin(at.timestamp() / 300 + number)
            if not (number and timedelta(minutes=70) < at - BEGAN < timedelta(minutes=74)):
                lines.append(f'demo_latency_seconds{{job="checkout",instance="{instance}"}} {value} {at.timestamp()}')
            at += timedelta(seconds=STEP)
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="module")
def prometheus(start_for_module, home, prometheus_needed, require):
    rules = home / "rules.yml"
    rules.write_text(yaml.safe_dump(RULES))
    server = Prometheus(home / "prometheus", {}, [rules])
    (home / "history").write_text(history())
    command = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", home / "history"]
    subprocess.run([*command, server.home / "tsdb"], check=True, capture_output=True)
    return start_for_module(server)


@pytest.fixture(scope="module")
def exporter(start_for_module, home, prometheus):
    config = {"prometheus": {"url": prometheus.url}, "evidence": {"metrics": [LATENCY, FINE, BROKEN]}}
    return start_for_module(Exporter(home / "mttx", config))


@pytest.fixture(scope="module")
def archive(exporter):
    """Give the archive that was collected of an incident: one query is broken, and the command says so."""
    labels = {"job": "checkout"}
    opening = {"title": "Checkout slow", "severity": "SEV-2", "started_at": rfc3339(BEGAN), "labels": labels}
    exporter.post("/api/v1/incidents", {**opening, "detected_at": rfc3339(DETECTED)}).expect(201)
    for kind, at in (
        ("acknowledged", DETECTED + timedelta(minutes=5)),
        ("mitigated", MITIGATED),
        ("resolved", RESOLVED),
    ):
        event = {"kind": kind, "occurred_at": rfc3339(at)}
        exporter.post("/api/v1/incidents/INC-1/events", event).expect(201)
    assert "failed: broken" in mttx(exporter, "evidence", "collect", "INC-1", code=1)
    return exporter.home / "evidence-INC-1.zip"


def mttx(exporter, *arguments, code=0):
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = exporter.environment() | {"MTTX_URL": exporter.url, "PYTHONPATH": path}
    command = [sys.executable, "-m", "service", *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=exporter.home, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def asked(prometheus, query, step):
    """Return every sample of the window, asked for at once and past all of our own code: {(series, time): value}."""
    begin, end = (BEGAN - timedelta(minutes=15)).timestamp(), (RESOLVED + timedelta(minutes=15)).timestamp()
    form = urlencode({"query": query, "start": begin, "end": end, "step": step})
    answer = request("GET", f"{prometheus.url}/api/v1/query_range?{form}").expect(200).json()
    return {
        (series["metric"]["instance"], f"{at:.3f}"): value
        for series in answer["data"]["result"]
        for at, value in series["values"]
    }


def table(archive, name):
    """Return what a table says: {(instance, time): value}."""
    rows = list(csv.DictReader(io.StringIO(archive.read(f"metrics/{name}.csv").decode())))
    for row in rows:
        assert datetime.fromisoformat(row["time"]).timestamp() == float(row["timestamp"])
    samples = {(row["series"].split('instance="')[1][0], row["timestamp"]): row["value"] for row in rows}
    assert len(samples) == len(rows)
    return samples


def test_the_tables_are_what_prometheus_answers(prometheus, archive):
    with zipfile.ZipFile(archive) as opened:
        coarse = asked(prometheus, LATENCY["query"].replace("{{ $labels.job }}", "checkout"), STEP)
        assert table(opened, LATENCY["name"]) == coarse
        assert len(coarse) > 700
        fine = asked(prometheus, FINE["query"], 1)
        assert len(fine) == 94 * 60 + 1  # three pages of ours
        assert table(opened, FINE["name"]) == fine

        picture = opened.read(f"metrics/{LATENCY['name']}.png")
        assert struct.unpack(">II", picture[16:24]) == (1320, 723)
        if folder := os.environ.get("MTTX_TEST_PICTURES"):
            opened.extract(f"metrics/{LATENCY['name']}.png", folder)
        (group,) = json.loads(opened.read("metrics/alerting-rules.json"))["groups"]
        assert [rule["name"] for rule in group["rules"]] == ["CheckoutSlow"]
        manifest = json.loads(opened.read("manifest.json"))
    files = {file["path"]: file for file in manifest["files"]}
    assert (
        files[f"metrics/{LATENCY['name']}.csv"]["query"] == 'sum by (instance) (demo_latency_seconds{job="checkout"})'
    )
    assert manifest["complete"] is False
    (metrics,) = [source for source in manifest["sources"] if source["name"] == "metrics"]
    assert "parse error" in metrics["failures"][0]["reason"]


def test_what_was_collected_is_recorded_and_can_be_proved(exporter, archive):
    assert json.loads(mttx(exporter, "evidence", "verify", archive, "--recorded", "--output", "json"))["good"]
    incident = exporter.incident()
    assert incident["checks"]["evidence"] == "pending"  # one query failed
    (note,) = [event for event in incident["events"] if "evidence_collected" in event["data"]]
    files = [*exporter.home.glob("mttx.db*"), *exporter.home.glob(f"{archive.name}*")]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}

    (exporter.home / "it.zip").write_bytes(archive.read_bytes()[:-1] + b"\0")
    assert "the seal is broken" in mttx(exporter, "evidence", "verify", "it.zip", "--recorded", code=1)

    answer = request("POST", f"{exporter.url}/api/v1/incidents/INC-1/evidence").expect(200)
    (exporter.home / "served.zip").write_bytes(answer.body)
    served = mttx(exporter, "evidence", "verify", "served.zip", "--recorded", "--output", "json")
    assert json.loads(served)["sha256"] != note["data"]["evidence_collected"]["sha256"]
