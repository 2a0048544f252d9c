"""A real rule with `for`: the time to detect is the time that the alert was pending, by Prometheus' own word."""

from datetime import datetime

import pytest
import yaml

from tests.real.loopback import Target
from tests.real.processes import until
from tests.real.servers import Alertmanager, Exporter, Prometheus, instant

pytestmark = pytest.mark.real

INTERVAL = 0.5
PENDING = 10
RULES = {
    "groups": [
        {
            "name": "demo",
            "rules": [
                {
                    "alert": "CheckoutDown",
                    "expr": "demo_broken > 0",
                    "for": f"{PENDING}s",
                    "labels": {"severity": "critical"},
                }
            ],
        }
    ]
}


@pytest.fixture
def world(start, tmp_path, prometheus_needed, alertmanager_needed):
    """Start everything, with the exporter asking Prometheus; the alert has a label that Prometheus adds on sending."""
    with Target() as target:
        rules = tmp_path / "rules.yml"
        rules.write_text(yaml.safe_dump(RULES))
        prometheus = Prometheus(tmp_path / "prometheus", {}, [rules])
        config = {"prometheus": {"url": prometheus.url}, "inquiry": {"interval": "1s"}, "reopen_window": "1s"}
        exporter = start(Exporter(tmp_path / "mttx", config))
        alertmanager = start(Alertmanager(tmp_path / "alertmanager", exporter.webhook))
        prometheus.config["global"]["external_labels"] = {"cluster": "eu"}
        prometheus.config["scrape_configs"] = [{"job_name": "demo", "static_configs": [{"targets": [target.address]}]}]
        prometheus.config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]}
        yield target, exporter, start(prometheus)


def test_the_time_to_detect_is_that_from_active_to_firing(world):
    target, exporter, prometheus = world
    target.broken = 1
    (alert,) = until(prometheus.alerts, "the alert to be pending")
    active_at = datetime.fromisoformat(alert["activeAt"])
    until(exporter.incidents, "the incident")
    incident = until(lambda: _with_start(exporter), "the start to be known")

    assert incident["labels"]["cluster"] == "eu"
    assert abs((instant(incident["milestones"]["started"]) - active_at).total_seconds()) < 1
    detect = incident["indicators"]["detect"]
    assert detect == pytest.approx(PENDING, abs=INTERVAL + 0.2)
    (event,) = [candidate for candidate in incident["events"] if candidate["kind"] == "started"]
    assert event["source"] == "prometheus"

    target.broken = 0
    until(lambda: exporter.incident()["phase"] == "resolved", "the incident to resolve")
    until(lambda: exporter.get_metrics().total("mttx_time_to_detect_seconds_count") == 1, "the sample")
    metrics = exporter.get_metrics()
    assert metrics.total("mttx_time_to_detect_seconds_sum") == pytest.approx(detect, abs=0.002)


def _with_start(exporter):
    incident = exporter.incident()
    return incident if incident["milestones"]["started"] else None
