"""Ends as a real Alertmanager reports them: assumed and taken back, or never reported because of a silence."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests.real.loopback import Target
from tests.real.processes import until
from tests.real.servers import Alertmanager, Exporter, Prometheus, instant

pytestmark = pytest.mark.real

LABELS = {"alertname": "CheckoutDown", "severity": "critical", "service": "checkout"}
RULE = {"alert": "CheckoutDown", "expr": "demo_broken > 0", "labels": {"severity": "critical"}}


def now():
    return datetime.now(UTC)


@pytest.fixture
def exporter(start, tmp_path):
    return start(Exporter(tmp_path / "mttx", {"reopen_window": "2s"}))


@pytest.fixture
def alertmanager(start, tmp_path, exporter, alertmanager_needed):
    return start(Alertmanager(tmp_path / "alertmanager", exporter.webhook))


def test_an_end_that_alertmanager_assumed_is_taken_back(start, tmp_path, exporter, alertmanager, prometheus_needed):
    """Prometheus is out of reach for longer than its alert is believed, and the condition goes on meanwhile."""
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "demo", "rules": [RULE]}]}))
    with Target() as target:
        config = {
            "scrape_configs": [{"job_name": "demo", "static_configs": [{"targets": [target.address]}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]},
        }
        prometheus = start(Prometheus(tmp_path / "prometheus", config, rules=[rules], resend_delay="1s"))
        target.broken = 1
        until(exporter.incidents, "an incident")

        os.kill(prometheus.process.pid, signal.SIGSTOP)
        until(lambda: exporter.incident()["phase"] == "resolved", "the end that Alertmanager assumes")
        assumed = instant(exporter.incident()["milestones"]["resolved"])
        os.kill(prometheus.process.pid, signal.SIGCONT)
        until(lambda: exporter.incident()["phase"] == "detected", "the end to be taken back")

        mended = now()
        target.broken = 0
        until(lambda: exporter.incident()["phase"] == "resolved", "the true end")

    until(lambda: exporter.get_metrics().total("mttx_time_to_resolve_seconds_count"), "the end to be settled")
    incident, metrics = exporter.incident(), exporter.get_metrics()
    assert [row["id"] for row in exporter.incidents()] == ["INC-1"]
    ended = instant(incident["milestones"]["resolved"])
    assert assumed < mended <= ended
    assert incident["resolution_source"] == "alerts"
    true_length = (ended - instant(incident["milestones"]["detected"])).total_seconds()
    assert incident["indicators"]["resolve"] == pytest.approx(true_length)
    assert metrics.total("mttx_time_to_resolve_seconds_count") == 1
    assert metrics.total("mttx_time_to_resolve_seconds_sum") == pytest.approx(true_length, abs=0.01)


def test_what_cleared_while_it_was_silenced_and_fires_later_is_two_incidents(exporter, alertmanager):
    began = now() - timedelta(seconds=20)
    alertmanager.fire(LABELS, began, now() + timedelta(minutes=5))
    until(exporter.incidents, "an incident")
    silence_ends = now() + timedelta(seconds=6)
    alertmanager.silence({"service": "checkout"}, now(), silence_ends)
    alertmanager.fire(LABELS, began, now())
    until(lambda: not alertmanager.alerts(), "Alertmanager to forget the alert")
    until(lambda: now() > silence_ends + timedelta(seconds=1), "the end of the silence")

    again = now()
    alertmanager.fire(LABELS, again, again + timedelta(minutes=5))
    until(lambda: len(exporter.incidents()) == 2, "a second incident")
    ended = now()
    alertmanager.fire(LABELS, again, ended)
    until(lambda: exporter.incident("INC-2")["phase"] == "resolved", "its end")
    until(lambda: exporter.get_metrics().total("mttx_time_to_resolve_seconds_count"), "the end to be settled")

    first, second, metrics = exporter.incident("INC-1"), exporter.incident("INC-2"), exporter.get_metrics()
    assert (first["phase"], first["resolution_source"]) == ("resolved", "stale")
    assert first["milestones"]["resolved"] is None
    assert "resolve" not in first["indicators"]
    assert instant(first["milestones"]["detected"]) == began
    assert instant(second["milestones"]["detected"]) == again
    assert second["indicators"]["resolve"] == pytest.approx((ended - again).total_seconds(), abs=0.01)
    assert metrics.total("mttx_time_to_resolve_seconds_count") == 1
