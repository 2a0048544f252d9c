"""The exporter is stopped, a real alert fires and resolves, the exporter starts: the incident is there, once."""

import time
from datetime import datetime, timedelta

import pytest
import yaml

from tests.real.loopback import Target
from tests.real.processes import until
from tests.real.servers import Alertmanager, Exporter, Prometheus, instant

pytestmark = pytest.mark.real

INTERVAL = timedelta(milliseconds=500)
RULE = {"alert": "CheckoutDown", "expr": "demo_broken > 0", "labels": {"severity": "critical"}}


@pytest.fixture
def world(start, tmp_path, prometheus_needed, alertmanager_needed):
    with Target() as target:
        rules = tmp_path / "rules.yml"
        rules.write_text(yaml.safe_dump({"groups": [{"name": "demo", "rules": [RULE]}]}))
        prometheus = Prometheus(tmp_path / "prometheus", {}, [rules])
        alertmanager = Alertmanager(tmp_path / "alertmanager", "http://127.0.0.1:1/", {"repeat_interval": "1h"})
        config = {
            "reopen_window": "1s",
            "prometheus": {"url": prometheus.url},
            "alertmanager": {"urls": [alertmanager.url]},
            "reconcile": {"gaps": True, "patience": "2s"},
            "inquiry": {"interval": "1s"},
        }
        exporter = Exporter(tmp_path / "mttx", config)
        alertmanager.config["receivers"][0]["webhook_configs"][0]["url"] = exporter.webhook
        prometheus.config["scrape_configs"] = [{"job_name": "demo", "static_configs": [{"targets": [target.address]}]}]
        prometheus.config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]}
        start(prometheus)  # first, since it takes five seconds until it scrapes
        yield target, start(exporter), start(alertmanager), prometheus


def notes(exporter):
    return [event for event in exporter.incident()["events"] if event["kind"] == "note"]


def wait_until_it_gives_up(alertmanager):
    """Wait for the end of the notification that it still tries to send; that of an alert that is over is never begun.

    Between two of them there is none to wait for, and the group is forgotten in time, twice a minute.
    """
    tried = alertmanager.metrics().total("alertmanager_notifications_failed_total", integration="webhook")

    def given_up():
        now = alertmanager.metrics()
        failed = now.total("alertmanager_notifications_failed_total", integration="webhook")
        return failed > tried or now.total("alertmanager_dispatcher_aggregation_groups") == 0

    until(given_up, "Alertmanager to have given up")


def test_what_fired_and_resolved_while_the_exporter_was_down_is_an_incident_once(world):
    target, exporter, alertmanager, prometheus = world
    until(lambda: prometheus.value("demo_broken") == 0, "Prometheus to scrape")
    time.sleep(3)  # rounds in which news could have reached the exporter
    exporter.terminate()

    target.broken = 1
    (alert,) = until(prometheus.alerts, "the alert to fire")
    starts_at = datetime.fromisoformat(alert["activeAt"])
    until(alertmanager.alerts, "Alertmanager to have it")
    time.sleep(3)
    target.broken = 0
    until(lambda: prometheus.alerts() == [], "the alert to resolve")
    resolved_by = datetime.now(starts_at.tzinfo)
    until(lambda: alertmanager.alerts() == [], "Alertmanager to have heard of that")
    wait_until_it_gives_up(alertmanager)
    exporter.start()

    until(exporter.incidents, "the incident")
    incident = exporter.incident()
    assert incident["phase"] == "resolved"
    assert abs(instant(incident["milestones"]["detected"]) - starts_at) < timedelta(milliseconds=2)
    assert abs(instant(incident["milestones"]["resolved"]) - resolved_by) < 2 * INTERVAL + timedelta(seconds=1)
    (note,) = until(lambda: notes(exporter), "the note, which is recorded after it")
    assert note["source"] == "reconciled"
    exporter.restart()
    time.sleep(4)
    assert [row["id"] for row in exporter.incidents()] == ["INC-1"]
    until(lambda: exporter.get_metrics().total("mttx_time_to_resolve_seconds_count") == 1, "one sample")
