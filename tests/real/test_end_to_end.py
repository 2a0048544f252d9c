"""The whole way with real servers: a condition becomes an alert, an incident, numbers, and a rule firing on them."""

from dataclasses import dataclass

import pytest
import yaml

from tests.real.loopback import Target
from tests.real.processes import until
from tests.real.servers import REPOSITORY, Alertmanager, Exporter, Prometheus, instant

pytestmark = pytest.mark.real

CHECKOUT_DOWN = {
    "groups": [
        {
            "name": "demo",
            "rules": [
                {
                    "alert": "CheckoutDown",
                    "expr": "demo_broken > 0",
                    "labels": {"severity": "critical"},
                    "annotations": {"summary": "Checkout answers with errors"},
                }
            ],
        }
    ]
}
# What is a projection of the store. All else is counted per process and starts anew with it.
BUSINESS = (
    "mttx_time_to_",
    "mttx_postmortem",
    "mttx_incident",
    "mttx_indicator_",
    "mttx_severity_indicator_",
    "mttx_action",
)
NUMBER = "INC-1"
SEV_2 = '{incident_severity="SEV-2"}'
OPENED = f"mttx_incidents_opened_total{SEV_2}"
RESOLUTIONS = f"mttx_time_to_resolve_seconds_count{SEV_2}"


@dataclass(frozen=True, slots=True)
class World:
    """Everything that runs, and the one outage that was played in it, as it was seen while it went on."""

    target: Target
    exporter: Exporter
    alertmanager: Alertmanager
    prometheus: Prometheus
    seen: dict


@pytest.fixture(scope="module")
def world(start_for_module, tmp_path_factory, prometheus_needed, alertmanager_needed):
    """Start everything, wait until Prometheus has the exporter's series at 0, and play one outage to its end."""
    start, home = start_for_module, tmp_path_factory.mktemp("world")
    config = {"deadlines": {"SEV-2": {"draft": "2s", "final": "4s"}}, "reopen_window": "1s"}
    exporter = start(Exporter(home / "mttx", config))
    alertmanager = start(Alertmanager(home / "alertmanager", exporter.webhook))
    with Target() as target:
        prometheus = start(_prometheus(home, target, exporter, alertmanager))
        until(lambda: prometheus.value('up{job="demo"}'), "the first scrape of the target")
        until(lambda: prometheus.value(OPENED) == 0, "the exporter's counters at 0")
        world = World(target, exporter, alertmanager, prometheus, {})
        play_outage(world)
        yield world


def play_outage(world):
    """Break the target, acknowledge the incident through the API, mend the target, wait for the resolution."""
    exporter, seen = world.exporter, world.seen
    world.target.broken = 1
    until(exporter.incidents, "an incident to open")
    (seen["alert"],) = world.alertmanager.alerts()
    seen["opened"] = exporter.incident(NUMBER)
    acknowledged = exporter.post(f"/api/v1/incidents/{NUMBER}/events", {"kind": "acknowledged"})
    seen["acknowledged"] = acknowledged.expect(201).json()
    world.target.broken = 0
    until(lambda: exporter.incident(NUMBER)["phase"] == "resolved", "the incident to resolve")


def _prometheus(home, target, exporter, alertmanager):
    def job(name, server):
        return {"job_name": name, "static_configs": [{"targets": [server.address]}]}

    config = {
        "scrape_configs": [job("demo", target), job("mttx", exporter)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]},
    }
    return Prometheus(home / "prometheus", config, rules=[_demo_rules(home), _shipped_rules(home)])


def _demo_rules(folder):
    path = folder / "demo.yml"
    path.write_text(yaml.safe_dump(CHECKOUT_DOWN))
    return path


def _shipped_rules(folder):
    """Copy the shipped rules without what makes them patient (`for`, group `interval`); the rest is as shipped."""
    rules = yaml.safe_load((REPOSITORY / "alert_rules" / "postmortems.yml").read_text())
    for group in rules["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule.pop("for", None)
    path = folder / "postmortems.yml"
    path.write_text(yaml.safe_dump(rules))
    return path


def wait_until_overdue(prometheus):
    for stage in ("draft", "final"):
        firing = f'ALERTS{{alertname="MttxPostmortemOverdue",stage="{stage}",alertstate="firing"}}'
        until(lambda firing=firing: prometheus.query(firing), f"MttxPostmortemOverdue for the {stage}")


def test_it_opens_an_incident_detected_when_the_alert_started(world):
    incident = world.seen["opened"]
    assert (incident["severity"], incident["phase"]) == ("SEV-2", "detected")
    assert "Checkout" in incident["title"]
    assert instant(incident["milestones"]["detected"]) == instant(world.seen["alert"]["startsAt"])
    assert incident["milestones"]["started"] is None  # never guessed


def test_it_takes_an_acknowledgement_and_resolves_when_the_condition_ends(world):
    assert world.seen["acknowledged"]["phase"] == "acknowledged"

    incident = world.exporter.incident(NUMBER)
    detected, acknowledged, resolved = (
        instant(incident["milestones"][name]) for name in ("detected", "acknowledged", "resolved")
    )
    assert detected <= acknowledged <= resolved
    assert incident["indicators"]["acknowledge"] == pytest.approx((acknowledged - detected).total_seconds(), abs=0.002)
    assert incident["indicators"]["resolve"] == pytest.approx((resolved - detected).total_seconds(), abs=0.002)


def test_it_gives_prometheus_the_numbers_of_the_incident(world):
    prometheus = world.prometheus
    resolve = world.exporter.incident(NUMBER)["indicators"]["resolve"]

    until(lambda: prometheus.value(RESOLUTIONS) == 1, f"{RESOLUTIONS} to be 1")
    assert prometheus.value(f"mttx_time_to_resolve_seconds_sum{SEV_2}") == pytest.approx(resolve, abs=0.002)
    mean = (
        "mttx_severity_indicator_seconds"
        '{indicator="resolve",statistic="mean",window="7d",incident_severity="SEV-2",job="mttx"}'
    )
    until(lambda: prometheus.value(mean) is not None, f"{mean} to be there")
    assert prometheus.value(mean) == pytest.approx(resolve, abs=0.002)
    until(lambda: prometheus.value(f"sum(mttx_incidents_open{SEV_2})") == 0, "no open incident")
    assert prometheus.value(OPENED) == 1


def test_it_makes_the_shipped_rule_fire_and_opens_no_incident_for_that(world):
    wait_until_overdue(world.prometheus)

    until(lambda: world.exporter.get_metrics().total("mttx_alerts_ignored_total") >= 2, "our own alerts to come back")
    names = {alert["labels"]["alertname"] for alert in world.alertmanager.alerts()}
    assert "MttxPostmortemOverdue" in names
    assert all(name.startswith("Mttx") for name in names)
    assert [incident["id"] for incident in world.exporter.incidents()] == [NUMBER]
    assert world.exporter.get_metrics().total("mttx_incidents_opened_total") == 1
    assert world.prometheus.rule_errors() == {}


def test_it_exports_the_same_numbers_after_a_restart(world):
    wait_until_overdue(world.prometheus)

    before = world.exporter.get_metrics().starting_with(*BUSINESS)
    world.exporter.restart()
    assert world.exporter.get_metrics().starting_with(*BUSINESS) == before
    assert before[("mttx_incidents_opened_total", frozenset({("incident_severity", "SEV-2")}))] == 1
