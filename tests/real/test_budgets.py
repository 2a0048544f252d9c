"""A real Prometheus with the recording rules that Sloth generates: what an incident cost is the hand calculation."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests.real.loopback import Target
from tests.real.processes import until
from tests.real.servers import Exporter, Prometheus, rfc3339

pytestmark = pytest.mark.real

OBJECTIVE, PERIOD_DAYS, ERROR_RATIO = 0.999, 30, 0.4
LABELS = {"sloth_id": "checkout-availability", "sloth_service": "checkout", "sloth_slo": "availability"}
RULES = {
    "groups": [
        {
            "name": "sloth-slo-checkout-availability",
            "rules": [
                {
                    "record": "slo:sli_error:ratio_rate5m",
                    "expr": f"max(demo_broken) * {ERROR_RATIO}",
                    "labels": LABELS | {"sloth_window": "5m"},
                },
                {"record": "slo:objective:ratio", "expr": f"vector({OBJECTIVE})", "labels": LABELS},
                {"record": "slo:error_budget:ratio", "expr": f"vector(1-{OBJECTIVE})", "labels": LABELS},
                {"record": "slo:time_period:days", "expr": f"vector({PERIOD_DAYS})", "labels": LABELS},
            ],
        }
    ]
}
QUERY = """
avg_over_time(slo:sli_error:ratio_rate5m{sloth_id="checkout-availability"}[{{ range }}] @ {{ end }})
  * ({{ end }} - {{ start }})
  / on (sloth_id)
(slo:error_budget:ratio{sloth_id="checkout-availability"} * on (sloth_id)
 slo:time_period:days{sloth_id="checkout-availability"} * 86400)
"""
SECONDS = 8


@pytest.fixture
def world(start, tmp_path, prometheus_needed):
    with Target() as target:
        rules = tmp_path / "rules.yml"
        rules.write_text(yaml.safe_dump(RULES))
        prometheus = Prometheus(tmp_path / "prometheus", {}, [rules])
        prometheus.config["scrape_configs"] = [{"job_name": "demo", "static_configs": [{"targets": [target.address]}]}]
        start(prometheus)
        config = {
            "prometheus": {"url": prometheus.url},
            "inquiry": {"interval": "1s"},
            "reopen_window": "1s",
            "slo": [
                {"name": "checkout-availability", "query": QUERY, "labels": {"service": "checkout"}},
                {"name": "another", "query": QUERY, "labels": {"service": "cart"}},
            ],
        }
        yield target, prometheus, start(Exporter(tmp_path / "mttx", config))


def test_the_budget_spent_by_an_incident_is_the_hand_calculation(world):
    target, prometheus, exporter = world
    target.broken = 1
    until(lambda: prometheus.value("slo:sli_error:ratio_rate5m") == ERROR_RATIO, "the recording")
    until(lambda: prometheus.value("slo:time_period:days") == PERIOD_DAYS, "the recorded period")
    began = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    ended = began + timedelta(seconds=SECONDS)
    time.sleep(SECONDS + 3)
    exporter.post(
        "/api/v1/incidents",
        {"title": "Checkout fails", "labels": {"service": "checkout"}, "started_at": rfc3339(began)}
        | {"detected_at": rfc3339(began + timedelta(seconds=2))},
    )
    exporter.post("/api/v1/incidents/INC-1/events", {"kind": "resolved", "occurred_at": rfc3339(ended)})
    spent = until(lambda: exporter.incident()["error_budgets"], "the budget")

    by_hand = ERROR_RATIO * SECONDS / ((1 - OBJECTIVE) * PERIOD_DAYS * 86400)
    assert spent == {"checkout-availability": pytest.approx(by_hand, rel=1e-9)}
    (event,) = [event for event in exporter.incident()["events"] if event["kind"] == "budget_measured"]
    assert f"[{SECONDS}s] @ {ended.timestamp():.3f}" in event["data"]["query"]

    metrics = exporter.get_metrics()
    assert metrics.total("mttx_incident_error_budget_spent_ratio") == pytest.approx(by_hand, rel=1e-9)
    assert metrics.total("mttx_error_budget_spent_ratio_total") == pytest.approx(by_hand, rel=1e-9)
