"""An imported quarter in a real Prometheus: its range queries answer what the API would have answered at the time."""

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from service.cli import main
from service.history.importing.imported import ImportOptions
from service.history.importing.parsing import Format, parse
from service.history.recording import record_incidents
from service.metrics.collectors import IncidentCollector
from service.metrics.measurements import Measuring
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store
from tests.real.http import request
from tests.real.servers import REPOSITORY, Prometheus
from tests.web.fakes import World

pytestmark = pytest.mark.real

DAY = timedelta(days=1)
SETTINGS = Settings()
POLICY = SETTINGS.policy()
NOW = datetime.now(UTC)
LAST = (NOW - timedelta(hours=4)).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = LAST - 90 * DAY
EARLIER = [FIRST + 20 * DAY, FIRST + 55 * DAY]
MILESTONES = ("started", "detected", "acknowledged", "mitigated", "resolved", "drafted", "finalized")


class Backfilled(Prometheus):
    """Prometheus on blocks that are there already; by default it would forget what is older than 15 days."""

    def command(self):
        return [*super().command(), "--storage.tsdb.retention.time=1y"]

    def over_the_quarter(self, metric):
        """Return {labels: {instant: value}} of a range query over the whole quarter, a point a day."""
        query = {"query": metric, "start": FIRST.timestamp(), "end": LAST.timestamp(), "step": 86400}
        answer = request("GET", f"{self.url}/api/v1/query_range?{urlencode(query)}").expect(200).json()
        return {
            frozenset(series["metric"].items()): {float(at): float(value) for at, value in series["values"]}
            for series in answer["data"]["result"]
        }


@pytest.fixture(scope="module")
def quarter(tmp_path_factory):
    """A CSV of 160 incidents that all ended before the last instant; milestones are missing as they are elsewhere."""
    dice, path = Random(3), tmp_path_factory.mktemp("quarter") / "quarter.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["key", "severity", *(f"{name}_at" for name in MILESTONES)])
        for number in range(160):
            started = FIRST + (LAST - FIRST - 8 * DAY) * dice.random()
            at = [started]
            for minutes in (4, 8, 40, 90, 900, 2000):
                at.append(at[-1] + timedelta(minutes=dice.expovariate(1 / minutes)))
            times = [
                instant.isoformat() if index == 1 or dice.random() < 0.8 else "" for index, instant in enumerate(at)
            ]
            lines.writerow([f"q-{number}", f"SEV-{dice.randint(1, 4)}", *times])
    return path


@pytest.fixture(scope="module")
def store(quarter, tmp_path_factory):
    """The database into which the quarter was imported."""
    home = tmp_path_factory.mktemp("imported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTTX_DATABASE_URL", f"sqlite:///{home}/mttx.db")
        assert "imported: 160 new" in _mttx("import", str(quarter))
        _mttx(
            "export-openmetrics",
            "--from",
            FIRST.isoformat(),
            "--to",
            LAST.isoformat(),
            "--step",
            "1d",
            "--output",
            home / "q.om",
        )
    opened = Store.open(f"sqlite:///{home}/mttx.db", POLICY)
    yield opened, home / "q.om"
    opened.close()


def _mttx(*arguments):
    result = CliRunner().invoke(main, ["history", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def prometheus(store, start_for_module, tmp_path_factory, prometheus_needed, require):
    """A Prometheus that was started on the blocks which promtool made of the export."""
    home = tmp_path_factory.mktemp("prometheus")
    promtool = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=2000h"]
    done = subprocess.run([*promtool, store[1], home / "tsdb"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return start_for_module(Backfilled(home, {}))


def _api(store, now):
    """Return what `GET /api/v1/indicators` answers at `now` for every window: {(window, indicator, severity): row}."""
    measuring = Measuring(store, POLICY, SETTINGS.window_lengths, 200, lambda: 0)
    recorder = Recorder(store, POLICY)
    try:
        client = World(
            recorder=recorder,
            store=store,
            clock=lambda: now,
            indicators=measuring.table,
            windows=SETTINGS.window_lengths,
        ).client
        return {
            (window, row["indicator"], row["incident_severity"]): row
            for window in SETTINGS.window_lengths
            for row in client.get(f"/api/v1/indicators?window={window}").get_json()["indicators"]
        }
    finally:
        recorder.close()


def _told_until(quarter, now, path):
    """Return a store to which only that was told which had happened by `now`."""
    parsed = parse([("q", quarter.read_bytes())], Format.MTTX, ImportOptions(policy=POLICY), NOW)
    incidents = [
        replace(past, events=tuple(e for e in past.events if e.occurred_at <= now), initial_events=())
        for past in parsed.incidents
    ]
    store = Store.open(f"sqlite:///{path}", POLICY)
    detected = [past for past in incidents if any(e.kind == "detected" for e in past.events)]
    record_incidents(store, POLICY, detected, NOW, keep=lambda _: True)
    return store


def _in_prometheus(prometheus, now):
    """Return the indicators of one instant out of range queries over the quarter, in the shape of the API's."""
    rows = {}
    for name, of_all in (("mttx_indicator", {"incident_severity": None}), ("mttx_severity_indicator", {})):
        for what in ("seconds", "incidents", "within_target_ratio"):
            for series, values in prometheus.over_the_quarter(f"{name}_{what}").items():
                labels = of_all | dict(series)
                row = rows.setdefault((labels["window"], labels["indicator"], labels["incident_severity"]), {})
                if now.timestamp() in values:
                    row[labels.get("statistic", what)] = values[now.timestamp()]
    return {key: row for key, row in rows.items() if row}


def _expected(rows):
    names = ("mean", "geometric_mean", "p50", "p95", "max", "incidents", "within_target_ratio")
    return {
        key: {name: pytest.approx(row[name], rel=1e-9) for name in names if row[name] is not None}
        for key, row in rows.items()
    }


def test_the_quarter_ends_with_what_the_api_answers(prometheus, store):
    expected = _expected(_api(store[0], LAST))
    assert len(expected) > 50
    assert _in_prometheus(prometheus, LAST) == expected


@pytest.mark.parametrize("now", EARLIER, ids=["day 20", "day 55"])
def test_earlier_it_answers_what_the_api_would_have_answered(prometheus, quarter, tmp_path, now):
    earlier = _told_until(quarter, now, tmp_path / "earlier.db")
    try:
        expected = _expected(_api(earlier, now))
        assert len(expected) > 40
        assert _in_prometheus(prometheus, now) == expected
    finally:
        earlier.close()


def test_counters_and_histograms_begin_at_nothing_and_end_where_the_exporter_stands(prometheus, store):
    measuring = Measuring(store[0], POLICY, SETTINGS.window_lengths, 200, lambda: 0)
    families = [
        f for f in IncidentCollector(measuring, POLICY, lambda: NOW).collect() if f.type in ("counter", "histogram")
    ]
    scraped = {
        (s.name, frozenset((k, str(v)) for k, v in s.labels.items())): s.value for f in families for s in f.samples
    }
    added = {("job", "mttx"), ("instance", "127.0.0.1:9877")}
    first, last = {}, {}
    for name in {name for name, _ in scraped}:
        for series, values in prometheus.over_the_quarter(name).items():
            key = name, frozenset(dict(series).items()) - added - {("__name__", name)}
            assert len(values) == 91
            first[key], last[key] = values[FIRST.timestamp()], values[LAST.timestamp()]
    assert last == {key: pytest.approx(value, abs=1e-5) for key, value in scraped.items()}
    assert set(first.values()) == {0}
    assert sum(value for (name, _), value in last.items() if name == "mttx_incidents_opened_total") == 160


def test_what_is_open_was_open_in_between(prometheus):
    (values,) = prometheus.over_the_quarter("sum(mttx_incidents_open)").values()
    assert sum(values.values()) > 0
    assert values[LAST.timestamp()] == 0


def test_the_documented_way_is_the_way(store, tmp_path, require):
    """docs/history.md, "Into Prometheus", as it is written there, for nine hours instead of 90 days."""
    require("promtool")
    document = (REPOSITORY / "docs" / "history.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```sh\n(mttx history export.*?)^```", document, re.MULTILINE | re.DOTALL)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mttx").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
    (tmp_path / "bin" / "mttx").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "MTTX_DATABASE_URL": f"sqlite:///{store[1].parent}/mttx.db",
    }
    command = ["bash", "-euc", script.replace("--from 90d", "--from 9h")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    blocks = [json.loads((path / "meta.json").read_text()) for path in (tmp_path / "blocks").iterdir() if path.is_dir()]
    assert sum(block["stats"]["numSamples"] for block in blocks) > 70 * 700
    assert max(block["maxTime"] for block in blocks) / 1000 < NOW.timestamp() - 2.9 * 3600
