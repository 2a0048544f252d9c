"""Real rules of every severity that teams write: what opens, and what pages, metrics, log and rules say of the rest.

And the other way round: starts that real templates print, and alerts of a real Alertmanager that cannot be kept.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests.real.http import request
from tests.real.loopback import Target
from tests.real.processes import until
from tests.real.servers import REPOSITORY, Alertmanager, Exporter, Prometheus, instant

pytestmark = pytest.mark.real

SEVERITIES = {"Paged": "page", "First": "P1", "Warned": "warn", "Urgent": "urgent", "Informed": "info", "Bare": None}


def rule(name, severity, **annotations):
    labels = {"severity": severity} if severity else {}
    return {"alert": name, "expr": "demo_broken > 0", "labels": labels, "annotations": annotations}


def rules_in(path, rules):
    path.write_text(yaml.safe_dump({"groups": [{"name": "demo", "rules": rules}]}))
    return path


@dataclass(frozen=True, slots=True)
class World:
    """Everything that runs."""

    target: Target
    exporter: Exporter
    alertmanager: Alertmanager
    prometheus: Prometheus

    def by_title(self):
        """Return the incidents by their title."""
        return {incident["title"]: incident for incident in self.exporter.incidents()}

    def page(self):
        return request("GET", self.exporter.url + "/").expect(200).body.decode()

    def log(self):
        return [json.loads(line) for line in self.exporter.log.read_text().splitlines() if line.startswith("{")]


@pytest.fixture
def new_world(start, tmp_path, prometheus_needed, alertmanager_needed):
    """Give a function that starts everything with these rules beside the shipped ones; nothing is broken yet."""
    targets = []

    def new_world(rules, config=None):
        target = Target().__enter__()
        targets.append(target)
        exporter = start(Exporter(tmp_path / "mttx", config))
        alertmanager = start(Alertmanager(tmp_path / "alertmanager", exporter.webhook))
        jobs = {"demo": target, "mttx": exporter}
        scrapes = [{"job_name": name, "static_configs": [{"targets": [it.address]}]} for name, it in jobs.items()]
        alerting = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]}
        files = [rules_in(tmp_path / "demo.yml", rules), REPOSITORY / "alert_rules" / "exporter.yml"]
        config = {"scrape_configs": scrapes, "alerting": alerting}
        world = World(target, exporter, alertmanager, start(Prometheus(tmp_path / "prometheus", config, files)))
        zero = 'mttx_alerts_unmapped_total{source="alertmanager"}'
        until(lambda: world.prometheus.value(zero) == 0, "the exporter's counters at 0")
        until(lambda: world.prometheus.value('up{job="demo"}'), "the first scrape of the target")
        return world

    yield new_world
    for target in targets:
        target.__exit__(None, None, None)


def firing(name):
    return f'ALERTS{{alertname="{name}",alertstate="firing",source="alertmanager"}}'


def test_no_severity_is_dropped_in_silence(new_world):
    world = new_world([rule(name, severity) for name, severity in SEVERITIES.items()])
    world.target.broken = 1
    until(lambda: len(world.by_title()) >= 5, "the incidents")
    until(lambda: world.exporter.get_metrics().total("mttx_alerts_ignored_total", reason="severity"), "the one ignored")

    severities = {title: incident["severity"] for title, incident in world.by_title().items()}
    assert severities == {"Paged": "SEV-2", "First": "SEV-1", "Warned": "SEV-4", "Urgent": "SEV-4", "Bare": "SEV-4"}
    # Alertmanager repeats its notifications every few seconds here: the counter goes on, the page counts alerts.
    until(lambda: world.exporter.get_metrics().total("mttx_alerts_unmapped_total") > 4, "a repeat")
    page = world.page()
    assert re.search(r'data-testid="unmapped">[^<]*1 alert[^<]*<strong>urgent</strong>', page)
    assert re.search(r"1 alert[^<]* no severity", page)
    lines = [line for line in world.log() if "severity_map" in line["message"]]
    assert sorted(re.search(r"'(\w+)'", line["message"])[1] for line in lines) == ["Bare", "Urgent"]
    until(lambda: world.prometheus.query(firing("MttxAlertsUnmapped")), "MttxAlertsUnmapped")
    assert world.prometheus.query(firing("MttxWebhooksRejected")) == []
    assert world.prometheus.rule_errors() == {}
    assert len(world.by_title()) == 5, "our own alerts open nothing"


def documented_rule():
    """Return the rule that docs/sources/alertmanager.md shows under "The start of the impact"."""
    text = (REPOSITORY / "docs" / "sources" / "alertmanager.md").read_text(encoding="utf-8")
    block = re.search(r"## The start of the impact\n.*?```yaml\n(.*?)```", text, re.DOTALL)[1]
    (documented,) = yaml.safe_load(block)["groups"][0]["rules"]
    return documented


def test_it_reads_the_start_that_a_real_template_prints(new_world):
    succeeded_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    query = "checkout_last_success_timestamp_seconds"
    of_value = {"expr": f"{query} and on() (demo_broken > 0)", "labels": {"severity": "critical"}}
    rfc3339 = '{{ ($value | toTime).Format "2006-01-02T15:04:05Z07:00" }}'
    starts = {"Value": "{{ $value }}", "Time": "{{ $value | toTime }}", "Format": rfc3339, "Wrong": "since yesterday"}
    world = new_world(
        [
            {"record": query, "expr": f"vector({succeeded_at.timestamp():.0f})"},
            {"record": "checkout_failing", "expr": "demo_broken"},
            documented_rule(),
            *({"alert": name, **of_value, "annotations": {"started_at": text}} for name, text in starts.items()),
        ]
    )
    until(lambda: world.prometheus.value(query), "the recorded series")
    world.target.broken = 1
    until(lambda: len(world.by_title()) == 5, "the incidents")

    incidents = world.by_title()
    assert incidents.pop("Wrong")["milestones"]["started"] is None
    for title, incident in incidents.items():
        assert instant(incident["milestones"]["started"]) == succeeded_at, title
        assert world.exporter.incident(incident["id"])["indicators"]["detect"] > 3600 - 1
    assert world.exporter.get_metrics().total("mttx_alerts_started_at_unreadable_total") >= 1
    assert [line for line in world.log() if "'Wrong'" in line["message"] and "started_at" in line["message"]]
    until(lambda: world.prometheus.query(firing("MttxStartsUnreadable")), "MttxStartsUnreadable")


def test_an_alert_that_cannot_be_kept_takes_no_neighbour_along(new_world):
    """One group: one alert with SQL in a label, one with more labels than are kept, one like any other."""
    world, began = new_world([]), datetime.now(UTC)
    plain = {"alertname": "Slow", "severity": "critical"}
    world.alertmanager.fire(plain | {"query": "SELECT " + "x" * 9000}, began)
    world.alertmanager.fire(plain | {f"l{n}": "x" for n in range(70)}, began)
    world.alertmanager.fire(plain | {"db": "a"}, began)

    until(lambda: world.exporter.incidents() and len(world.exporter.incident()["alerts"]) == 2, "the two that are kept")
    kept = sorted(alert["labels"].get("db", "") for alert in world.exporter.incident()["alerts"])
    assert kept == ["", "a"]
    metrics = world.exporter.get_metrics()
    assert metrics.total("mttx_alerts_rejected_total", reason="too_many_labels", source="alertmanager") >= 1
    assert metrics.total("mttx_webhook_failures_total", source="alertmanager") <= 1  # it came first, and alone
    until(lambda: world.prometheus.query(firing("MttxAlertsRejected")), "MttxAlertsRejected")
