"""A real silence, made with amtool: it acknowledges, at the time it was made; and Alertmanager's own says nothing."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.real.processes import until
from tests.real.servers import Alertmanager, Exporter, instant

pytestmark = pytest.mark.real

LABELS = {"alertname": "CheckoutDown", "severity": "critical", "service": "checkout"}


def now():
    return datetime.now(UTC)


@pytest.fixture
def world(start, tmp_path, alertmanager_needed):
    alertmanager = Alertmanager(tmp_path / "alertmanager", "http://127.0.0.1:1/")
    config = {
        "alertmanager": {"urls": [alertmanager.url]},
        "silences": {"acknowledge": True, "machines": "^robot$"},
        "inquiry": {"interval": "1s"},
    }
    exporter = start(Exporter(tmp_path / "mttx", config))
    alertmanager.config["receivers"][0]["webhook_configs"][0]["url"] = exporter.webhook
    return start(alertmanager), exporter


def amtool_silence(require, alertmanager, author, *matchers):
    require("amtool")
    command = ["amtool", f"--alertmanager.url={alertmanager.url}", "silence", "add", f"--author={author}"]
    done = subprocess.run([*command, "--comment=seen", *matchers], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_silence_made_with_amtool_acknowledges_when_it_was_made(world, require):
    alertmanager, exporter = world
    amtool_silence(require, alertmanager, "early", "service=checkout", "alertname!=CheckoutDown")
    alertmanager.fire(LABELS, now() - timedelta(seconds=30), now() + timedelta(minutes=10))
    until(exporter.incidents, "the incident")
    amtool_silence(require, alertmanager, "robot", "service=checkout")
    before = now()
    number = amtool_silence(require, alertmanager, "sam", "service=~check.+", "alertname!=Other")
    after = now()

    acknowledged = until(lambda: exporter.incident()["milestones"]["acknowledged"], "the acknowledgement")
    assert before - timedelta(seconds=1) <= instant(acknowledged) <= after
    (event,) = [candidate for candidate in exporter.incident()["events"] if candidate["kind"] == "acknowledged"]
    assert event["source"] == "alertmanager"
    assert event["event_id"] == f"silence-{number}"
    assert "sam" not in str(exporter.incident())
    assert exporter.incident()["phase"] == "acknowledged"
