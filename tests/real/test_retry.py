"""Alertmanager tries again after 503 and a refused connection: late is not lost. And the news that never comes."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.real.loopback import Gate
from tests.real.processes import until
from tests.real.servers import Alertmanager, instant

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("alertmanager_needed")]

LABELS = {"alertname": "CheckoutDown", "severity": "critical"}


def now():
    return datetime.now(UTC)


@pytest.fixture
def outage(start, tmp_path):
    """Give a function that starts an Alertmanager for a webhook with an alert firing, and returns it and the start."""

    def begin(webhook, **route):
        alertmanager = start(Alertmanager(tmp_path / "alertmanager", webhook, {"repeat_interval": "1h", **route}))
        starts_at = now() - timedelta(seconds=30)
        alertmanager.fire(LABELS, starts_at, now() + timedelta(minutes=10))
        return alertmanager, starts_at

    return begin


def failed(alertmanager):
    return alertmanager.webhooks()[1]


def assert_one_incident_since(exporter, starts_at):
    until(exporter.incidents, "the incident")
    (incident,) = exporter.incidents()
    assert instant(exporter.incident(incident["id"])["milestones"]["detected"]) == starts_at
    assert exporter.get_metrics().total("mttx_incidents_opened_total") == 1


def test_it_opens_the_incident_with_the_right_start_after_having_been_down(start, new_exporter, outage):
    exporter = new_exporter()
    alertmanager, starts_at = outage(exporter.webhook)
    until(lambda: failed(alertmanager) >= 2, "Alertmanager to have tried in vain")
    start(exporter)
    assert_one_incident_since(exporter, starts_at)


def test_it_opens_the_incident_with_the_right_start_after_503(exporter, outage):
    with Gate(exporter.url) as gate:
        _, starts_at = outage(f"{gate.url}/webhooks/alertmanager")
        until(lambda: gate.refused >= 3, "three refusals")
        assert exporter.incidents() == []
        gate.opened.set()
        assert_one_incident_since(exporter, starts_at)
        assert set(gate.passed) == {200}


def test_it_asks_for_another_try_while_the_store_is_busy(exporter, outage):
    with closing(sqlite3.connect(exporter.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # a backup, or somebody's sqlite3 shell
        alertmanager, starts_at = outage(exporter.webhook)
        until(lambda: failed(alertmanager) >= 1, "Alertmanager to have tried in vain")
        other.execute("ROLLBACK")
    assert_one_incident_since(exporter, starts_at)


def test_it_keeps_an_incident_open_and_calls_it_stale_when_no_resolved_ever_comes(start, new_exporter, outage):
    """Alertmanager says nothing of an alert that clears while it is silenced (prometheus/alertmanager#226)."""
    exporter = start(new_exporter({"stale_after": "3s"}))
    alertmanager, starts_at = outage(exporter.webhook)
    until(exporter.incidents, "the incident")
    sent = until(lambda: alertmanager.webhooks()[0], "Alertmanager to have counted its notification")

    alertmanager.silence(LABELS, now(), now() + timedelta(minutes=10))
    alertmanager.fire(LABELS, starts_at, now())
    until(lambda: alertmanager.alerts() == [], "the alert to be over")
    until(lambda: exporter.get_metrics().total("mttx_incidents_stale") == 1, "the incident to be stale")

    assert alertmanager.webhooks()[0] == sent
    assert exporter.incident()["phase"] == "detected"
    assert exporter.get_metrics().total("mttx_time_to_resolve_seconds_count") == 0
