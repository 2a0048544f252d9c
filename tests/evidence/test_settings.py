"""The keys of `evidence:`, and what is said to somebody who gets one wrong; from them come sources and terms."""

import subprocess
import sys
from datetime import timedelta

import pytest

from service.app import now
from service.evidence.collector import EvidenceCollector
from service.settings.errors import SettingsError
from service.settings.model import Settings
from service.settings.sources import load
from service.settings.table import dumped

METRICS = """
prometheus: {url: "http://prometheus.example:9090", token: a-token-of-prometheus}
evidence:
  margin: 30m
  bounds: {logs: 1073741824}
  redact: {account: 'acct-([0-9]+)'}
  metrics:
    - {name: Latency, query: 'x{job="{{ $labels.job }}"}', unit: seconds}
    - {name: Errors (5xx), query: y, step: 1m}
"""


def settings(tmp_path, text):
    path = tmp_path / "mttx.yml"
    path.write_text(text)
    return load(path, {})


def test_it_is_read_and_written_again(tmp_path):
    first = settings(tmp_path, METRICS)
    assert first.evidence.margin == timedelta(minutes=30)
    assert [(metric.name, metric.unit, metric.step.seconds) for metric in first.evidence.metrics] == [
        ("Latency", "seconds", 15),
        ("Errors (5xx)", "", 60),
    ]
    assert dumped(first)["evidence"]["redact"] == {"account": "acct-([0-9]+)"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("metrics: [{name: a, query: b}]", "metrics"),  # no prometheus.url
        ("metrics: [{name: ../a, query: b}]", "metrics.0.name"),
        ("metrics: [{name: a, query: b}, {name: A, query: b}]", "metrics"),
        ("metrics: [{name: a, query: b, step: 15}]", "metrics.0.step"),
        ("redact: {a: '('}", "redact.a"),
        ("redact: {a: 'x*'}", "redact.a"),
        ("bounds: {pictures: 5000}", "bounds"),
        ("max_bytes: 10", "max_bytes"),
        ("margins: 5m", "margins"),
        ("logs: {files: [app.log]}", "logs.files"),
        ("logs: {files: [/var/../etc/*]}", "logs.files"),
        ("logs: {files: [/*/x]}", "logs.files"),
        ("logs: {files: [/]}", "logs.files"),
        ("audit: {files: ['/data/{day}/x']}", "audit.files"),
        ("logs: {roots: [logs]}", "logs.roots"),
        ("logs: {time_fields: []}", "logs.time_fields"),
        ("logs: {untimed: maybe}", "logs.untimed"),
        ("logs: {time_zone: Nowhere/City}", "logs.time_zone"),
        ("logs: {loki: {url: loki}}", "logs.loki.url"),
        ("logs: {loki: {queries: {a/b: '{}'}}}", "logs.loki.queries"),
        ("logs: {loki: {page: 1}}", "logs.loki.page"),
    ],
)
def test_it_names_the_key_that_is_wrong(tmp_path, text, key):
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, f"evidence: {{{text}}}")
    assert f"evidence.{key}" in str(caught.value)


def test_nothing_configured_is_the_timeline_alone():
    with EvidenceCollector(Settings(), now).sources(None) as sources:
        assert [source.name for source in sources] == ["timeline"]


def test_sources_and_terms_come_from_it(tmp_path):
    read_ = settings(tmp_path, METRICS + "grafana: {url: 'http://grafana.example', token: glsa_x}\n")
    collector = EvidenceCollector(read_, now, allow_verbatim=True)
    with collector.sources(None) as sources:
        assert [source.name for source in sources] == ["timeline", "metrics", "changes"]
    options = collector.options
    assert options.allow_verbatim is True
    assert options.bounds == {"logs": 2**30}
    assert options.redaction.find("acct-12")[0].name == "account"


def test_the_service_starts_without_what_draws():
    code = "import service.app, sys; sys.exit(bool({'matplotlib', 'numpy'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
