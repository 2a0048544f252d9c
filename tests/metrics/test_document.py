"""docs/metrics.md against the catalogue: nothing missing, nothing left over, and every query can be parsed."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from service.domain.policy import Stage
from service.domain.totals import bucket_bounds_of
from service.metrics.catalogue import METRICS, Kind
from service.metrics.measurements import CHEAP_SECONDS, KEEP_CHANGED, KEEP_UNCHANGED_SECONDS
from service.settings.model import Settings
from tests.builders import policy

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(mttx_\w+)` \| (\w+)([^|]*) \| ([^|]*) \| [^|]{3,} \|$", re.MULTILINE)
ROWS = {
    name: (kind, "shared" in more, re.findall(r"`(\w+)`", labels)) for name, kind, more, labels in ROW.findall(PAGE)
}
QUERIES = [
    query
    for block in re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL)
    for part in re.split(r"\n\n|^#.*\n", block, flags=re.MULTILINE)
    for query in ([part] if re.search(r"^\s", part, re.MULTILINE) else part.splitlines())
    if query.strip()
]
PIECES = {Kind.HISTOGRAM: ("_bucket", "_count", "_sum"), Kind.SUMMARY: ("_count", "_sum")}


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_documents_every_metric_with_its_type_and_labels(metric):
    assert ROWS[metric.name] == (metric.kind.value, metric.shared, list(metric.labels))


def test_it_documents_nothing_that_is_not_there():
    assert ROWS.keys() == {metric.name for metric in METRICS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_has_a_query_for_every_metric(metric):
    names = [metric.name + piece for piece in PIECES.get(metric.kind, ("",))]
    assert any(re.search(rf"\b{name}\b", query) for query in QUERIES for name in names)


def test_it_writes_queries_that_prometheus_can_parse(require, tmp_path):
    promtool = require("promtool")
    rules = [{"record": f"doc:query{n}", "expr": query} for n, query in enumerate(QUERIES)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    checked = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert len(QUERIES) > 40


def test_it_lists_the_bounds_of_the_buckets():
    line = re.search(r"bucket bounds are (.*?) d;", PAGE, re.DOTALL)[1]
    units = {"min": 60, "h": 3600, "d": 86400}
    groups = [
        (re.findall(r"\d+", numbers), unit) for numbers, unit in re.findall(r"([\d, \n]+) (min|h|d)\b", line + " d")
    ]
    listed = {int(number) * units[unit] for numbers, unit in groups for number in numbers}
    assert listed == set(bucket_bounds_of(policy(targets=(), deadlines={})))


def test_it_says_how_long_numbers_are_kept():
    assert f"less than {CHEAP_SECONDS} s" in PAGE
    assert KEEP_CHANGED == 20
    assert "for twenty times as long" in PAGE
    assert KEEP_UNCHANGED_SECONDS == 60
    assert "for a minute while" in PAGE


def test_it_names_the_windows_the_cap_and_the_stages_of_the_defaults():
    for window in Settings().window_lengths:
        assert f"`{window}`" in PAGE
    assert f"`limits.series` ({Settings().limits.series})" in PAGE
    assert "`draft` or `final`" in PAGE
    assert [stage.value for stage in Stage] == ["draft", "final"]
