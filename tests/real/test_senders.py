"""Clusters of real Alertmanagers that know nothing of each other, and one that gets its name while an alert fires."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.real.http import request
from tests.real.processes import until
from tests.real.servers import Alertmanager, instant
from tests.real.test_ha_pair import LABELS, LATE_GOSSIP, fire, now, sent, start_pair

pytestmark = pytest.mark.real


@pytest.fixture
def new_alertmanager(start, tmp_path, exporter, alertmanager_needed):
    """Give a function that starts an Alertmanager of its own, which notifies with this query."""

    def new_alertmanager(name, query=""):
        return start(Alertmanager(tmp_path / name, exporter.webhook + query, {"repeat_interval": "1h"}))

    return new_alertmanager


def soon():
    return datetime.now(UTC) + timedelta(minutes=5)


def test_two_clusters_with_the_same_rule_are_two_incidents(new_alertmanager, exporter):
    eu, us = new_alertmanager("eu", "?sender=eu"), new_alertmanager("us", "?sender=us")
    starts_at = now() - timedelta(seconds=30)
    fire([eu, us], starts_at, soon())
    until(lambda: len(exporter.incidents()) == 2, "both incidents")
    fire([eu], starts_at, now())
    until(lambda: "resolved" in [incident["phase"] for incident in exporter.incidents()], "the one to resolve")

    phases = {}
    for incident in exporter.incidents():
        (alert,) = exporter.incident(incident["id"])["alerts"]
        phases[alert["source"]] = incident["phase"]
    assert phases == {"alertmanager@eu": "resolved", "alertmanager@us": "detected"}
    metrics = exporter.get_metrics()
    assert metrics.total("mttx_incidents_opened_total") == 2
    assert metrics.total("mttx_webhook_requests_total", source="alertmanager") >= 3
    assert "@" not in request("GET", exporter.url + "/metrics").expect(200).body.decode()


def test_two_clusters_without_names_are_one(new_alertmanager, exporter):
    eu, us = new_alertmanager("eu"), new_alertmanager("us")
    fire([eu], now() - timedelta(seconds=30), soon())
    fire([us], now() - timedelta(seconds=20), soon())
    until(lambda: min(sent(eu), sent(us)) >= 1, "both to notify")
    assert len(exporter.incidents()) == 1


def test_an_ha_pair_has_one_name_and_one_incident(start, tmp_path, exporter, alertmanager_needed):
    """Their notification log comes too late: both notify."""
    pair = start_pair(start, tmp_path, exporter, LATE_GOSSIP, query="?sender=eu")
    starts_at = now() - timedelta(seconds=30)
    fire(pair, starts_at, soon())
    until(lambda: all(sent(each) >= 1 for each in pair), "both to notify")
    fire(pair, starts_at, now())
    until(lambda: exporter.incidents() and exporter.incident()["phase"] == "resolved", "the incident to resolve")
    assert len(exporter.incidents()) == 1
    assert [alert["source"] for alert in exporter.incident()["alerts"]] == ["alertmanager@eu"]


def test_a_name_that_is_given_while_an_alert_fires_loses_and_doubles_nothing(new_alertmanager, exporter):
    alertmanager = new_alertmanager("eu")
    starts_at = now() - timedelta(seconds=30)
    fire([alertmanager], starts_at, soon())
    until(exporter.incidents, "the incident")

    (receiver,) = alertmanager.config["receivers"]
    receiver["webhook_configs"][0]["url"] += "?sender=eu"
    alertmanager.reload()
    alertmanager.fire(LABELS | {"instance": "b"}, now(), soon())
    until(lambda: len(exporter.incident()["alerts"]) == 2, "the second alert, with the name")
    for labels in (LABELS, LABELS | {"instance": "b"}):
        alertmanager.fire(labels, starts_at, now())
    until(lambda: exporter.incident()["phase"] == "resolved", "the incident to resolve")

    assert len(exporter.incidents()) == 1
    shown = exporter.incident()
    assert {alert["source"] for alert in shown["alerts"]} == {"alertmanager@eu"}
    assert instant(shown["milestones"]["detected"]) == starts_at
    assert exporter.get_metrics().total("mttx_incidents_opened_total") == 1
