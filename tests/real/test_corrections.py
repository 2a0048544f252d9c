"""What somebody does at a terminal when an end came too early and nobody had said when it began."""

import subprocess
import sys

import pytest

from tests.real.servers import Exporter, instant

pytestmark = pytest.mark.real

BEGAN, FIRST_END, END = "2026-11-20T10:00:00Z", "2026-11-20T10:05:00Z", "2026-11-20T11:00:00Z"


def tell(exporter, ends_at=None):
    """Send what one Alertmanager says of the same alert."""
    status = "resolved" if ends_at else "firing"
    alert = {
        "status": status,
        "labels": {"alertname": "Partition", "severity": "critical"},
        "annotations": {"summary": "Partition"},
        "startsAt": BEGAN,
        "endsAt": ends_at or "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": "0000000000000001",
    }
    group = {"groupKey": '{}:{alertname="Partition"}', "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}}
    body = {"version": "4", "status": status, "receiver": "mttx", "externalURL": "http://am", "truncatedAlerts": 0}
    exporter.post("/webhooks/alertmanager", {**body, **group, "alerts": [alert]}).expect(200)


def mttx(exporter, *arguments):
    command = [sys.executable, "-m", "service", "incident", *arguments]
    environment = exporter.environment() | {"MTTX_URL": exporter.url}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def resolved(start_for_module, tmp_path_factory):
    """Give an exporter whose only incident was resolved, fired on, and was resolved."""
    exporter = start_for_module(Exporter(tmp_path_factory.mktemp("corrected") / "mttx"))
    tell(exporter)
    tell(exporter, FIRST_END)
    tell(exporter)
    assert exporter.incident()["phase"] == "detected"
    tell(exporter, END)
    return exporter


def test_the_time_to_resolve_is_that_of_the_last_end(resolved):
    assert resolved.incident()["indicators"]["resolve"] == 3600
    assert instant(resolved.incident()["milestones"]["resolved"]) == instant(END)


def test_correct_gives_the_start_that_nobody_reported(resolved):
    done = mttx(resolved, "correct", "INC-1", "started", "2026-11-20T09:43:00Z")
    assert done.returncode == 0, done.stderr
    incident = resolved.incident()
    assert instant(incident["milestones"]["started"]) == instant("2026-11-20T09:43:00Z")
    assert incident["indicators"]["detect"] == 17 * 60


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("mitgated", "mitigated"),
        ("drafted", "postmortem_drafted"),
        ("no-such-event", "started, detected, acknowledged, mitigated, resolved"),
    ],
)
def test_correct_refuses_what_has_no_effect_and_names_what_has(resolved, what, names):
    before = resolved.incident()["events"]
    done = mttx(resolved, "correct", "INC-1", what, "10m")
    assert done.returncode == 1
    assert names in done.stderr
    assert resolved.incident()["events"] == before


def test_correct_says_what_is_unlikely(resolved):
    done = mttx(resolved, "correct", "INC-1", "acknowledged", "2026-11-20T09:00:00Z")
    assert done.returncode == 0
    assert "acknowledged" in done.stdout + done.stderr
    assert resolved.incident()["warnings"]
