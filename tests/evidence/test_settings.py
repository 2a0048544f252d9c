"""The keys of `evidence:`, and what is said to somebody who gets one wrong; from them come sources and terms."""

import subprocess
import sys
from datetime import timedelta

import pytest

from service.evidence.wiring import collect_options, open_sources
from service.settings import SettingsError, load
from service.settings.model import Settings
from service.settings.sources import read
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
    assert [(one.name, one.unit, one.step.seconds) for one in first.evidence.metrics] == [
        ("Latency", "seconds", 15),
        ("Errors (5xx)", "", 60),
    ]
    assert dumped(first)["evidence"]["redact"] == {"account": "acct-([0-9]+)"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("evidence: {metrics: [{name: a, query: b}]}", "evidence.metrics is .*: requires prometheus.url"),
        ("evidence: {metrics: [{name: ../a, query: b}]}", "should be usable as a file name"),
        ("evidence: {metrics: [{name: a, query: b}, {name: A, query: b}]}", "a different name for each query"),
        ("evidence: {metrics: [{name: a, query: b, step: 15}]}", "with its unit"),
        ("evidence: {redact: {a: '('}}", "should be a regular expression"),
        ("evidence: {redact: {a: 'x*'}}", "should not match the empty string"),
        ("evidence: {bounds: {pictures: 5000}}", "should be timeline, metrics, logs"),
        ("evidence: {max_bytes: 10}", "should be at least 1024"),
        ("evidence: {margins: 5m}", "did you mean margin"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said):
        settings(tmp_path, text)


def test_nothing_configured_is_the_timeline_alone():
    with open_sources(Settings(), None) as sources:
        assert [source.name for source in sources] == ["timeline"]


def test_sources_and_terms_come_from_it(tmp_path):
    read_ = settings(tmp_path, METRICS + "grafana: {url: 'http://grafana.example', token: glsa_x}\n")
    with open_sources(read_, None) as sources:
        assert [source.name for source in sources] == ["timeline", "metrics", "changes"]
    options = collect_options(read_, allow_verbatim=True)
    assert options.allow_verbatim is True
    assert options.bounds == {"logs": 2**30}
    assert options.redaction.find("acct-12")[0].name == "account"


def test_keys_can_be_set_from_the_environment():
    environ = {"MTTX_EVIDENCE_MARGIN": "5m", "MTTX_EVIDENCE_REDACT": "{a: b+}"}
    loaded = read(Settings, None, environ).settings
    assert loaded.evidence.margin == timedelta(minutes=5)


def test_the_service_starts_without_what_draws():
    code = "import service.app, sys; sys.exit(bool({'matplotlib', 'numpy'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
