"""Overdue postmortems of two teams, and of none, reach the receivers that the documented route names."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests.real.loopback import Loopback
from tests.real.processes import until
from tests.real.servers import REPOSITORY, Alertmanager, Exporter, Prometheus

pytestmark = pytest.mark.real

README = (REPOSITORY / "alert_rules" / "README.md").read_text(encoding="utf-8")
TEAMS = {"CheckoutDown": {"team": "payments", "service": "checkout"}, "IndexStale": {"team": "search"}, "MailSlow": {}}
RECEIVER_OF = {"CheckoutDown": "payments", "IndexStale": "search", "MailSlow": "incident-manager"}


class Receivers(Loopback):
    """Keeps the alerts that Alertmanager sent to each path."""

    def __init__(self):
        super().__init__()
        self.received = []

    def reply(self, method, path, body):
        self.received += [(path.strip("/"), alert["labels"]) for alert in json.loads(body)["alerts"]]
        return 200, "text/plain", b""

    def overdue(self, receiver):
        """Return the labels of the overdue postmortems that a receiver got."""
        return [
            labels for to, labels in self.received if to == receiver and labels["alertname"] == "MttxPostmortemOverdue"
        ]


def documented_route():
    """Return the tree of routes in the section about teams."""
    section = README.partition("\n## By team\n")[2]
    return yaml.safe_load(re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1])["route"]


def receivers_of(route):
    yield route["receiver"]
    for below in route.get("routes", ()):
        yield from receivers_of(below)


@pytest.fixture
def receivers():
    with Receivers() as receivers:
        yield receivers


@pytest.fixture
def world(start, tmp_path, receivers, prometheus_needed, alertmanager_needed):
    """Give an exporter with an overdue postmortem of each team, watched by both servers with the bundled rules."""
    deadlines = {"deadlines": {"SEV-2": {"draft": "1s", "final": "1000d"}}}
    exporter = start(Exporter(tmp_path / "mttx", deadlines))
    route = documented_route()
    alertmanager = Alertmanager(tmp_path / "alertmanager", exporter.webhook)
    others = [receiver for receiver in receivers_of(route) if receiver != route["receiver"]]
    alertmanager.config["route"] |= {"routes": route["routes"]}
    alertmanager.config["receivers"] += [
        {"name": name, "webhook_configs": [{"url": f"{receivers.url}/{name}"}]} for name in others
    ]
    start(alertmanager)
    job = {"job_name": "mttx", "static_configs": [{"targets": [exporter.address], "labels": {"service": "mttx"}}]}
    alerting = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]}
    rules = [REPOSITORY / "alert_rules" / "postmortems.yml"]
    prometheus = start(Prometheus(tmp_path / "prometheus", {"scrape_configs": [job], "alerting": alerting}, rules))
    return exporter, alertmanager, prometheus


def fire(alertmanager, now, ends_at):
    for name, labels in TEAMS.items():
        alertmanager.fire({"alertname": name, "severity": "critical", **labels}, now, ends_at, {"summary": name})


def test_an_overdue_postmortem_is_routed_to_the_team_that_owes_it(world, receivers):
    exporter, alertmanager, prometheus = world
    now = datetime.now(UTC)
    fire(alertmanager, now, now + timedelta(hours=1))
    until(lambda: len(exporter.incidents()) == len(TEAMS), "an incident of each alert")
    number_of = {incident["title"]: incident["id"] for incident in exporter.incidents()}
    for name, receiver in RECEIVER_OF.items():
        until(lambda receiver=receiver: receivers.overdue(receiver), f"an overdue postmortem at {receiver}")
        dimensions = {k: v for k, v in receivers.overdue(receiver)[0].items() if k in {"team", "service"}}
        assert dimensions == TEAMS[name]
        assert {labels["incident"] for labels in receivers.overdue(receiver)} == {number_of[name]}
        assert {labels["target_service"] for labels in receivers.overdue(receiver)} == {"mttx"}
    assert prometheus.rule_errors() == {}


def test_a_team_that_is_set_later_gets_the_alert_then(world, receivers):
    exporter, alertmanager, _ = world
    now = datetime.now(UTC)
    alertmanager.fire({"alertname": "MailSlow", "severity": "critical"}, now, now + timedelta(hours=1))
    until(lambda: receivers.overdue("incident-manager"), "an overdue postmortem of no team")
    (incident,) = exporter.incidents()
    labels = {"kind": "described", "labels": {"team": "search"}}
    exporter.post(f"/api/v1/incidents/{incident['id']}/events", labels).expect(201)
    until(lambda: receivers.overdue("search"), "the same postmortem at the team")
    assert receivers.overdue("payments") == []
