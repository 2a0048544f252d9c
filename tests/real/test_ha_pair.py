"""Two Alertmanagers in a real cluster: whether both notify or one dies half-way, one incident and one sample."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.real.processes import until
from tests.real.servers import alertmanager_pair, instant

pytestmark = pytest.mark.real

LABELS = {"alertname": "CheckoutDown", "severity": "critical", "service": "checkout"}
QUICK = ["--cluster.settle-timeout=3s"]
# The notification log reaches the other one too late, as under load or in a short partition: both notify. Probes are
# slow too, for they carry gossip.
LATE_GOSSIP = ["--cluster.gossip-interval=10m", "--cluster.pushpull-interval=10m", "--cluster.probe-interval=10m"]


def start_pair(start, home, exporter, flags, query=""):
    pair = alertmanager_pair(
        home, exporter.webhook + query, {"repeat_interval": "1h"}, [*QUICK, "--cluster.peer-timeout=1s", *flags]
    )
    for alertmanager in pair:
        start(alertmanager)
    for alertmanager in pair:
        until(lambda each=alertmanager: _joined(each), "the pair to be one cluster that has settled")
    return pair


def _joined(alertmanager):
    cluster = alertmanager.api("GET", "/status")["cluster"]
    return cluster["status"] == "ready" and len(cluster["peers"]) == 2


def fire(pair, starts_at, ends_at=None):
    for alertmanager in pair:
        alertmanager.fire(LABELS, starts_at, ends_at, {"summary": "Checkout answers with errors"})


def sent(alertmanager):
    """Return how many notifications it knows to have arrived; it may count after we have seen what they did."""
    requests, failed = alertmanager.webhooks()
    return requests - failed


def now():
    return datetime.now(UTC)


@pytest.fixture
def exporter(start, new_exporter):
    """Give a running exporter whose resolutions are soon settled, and for which seven seconds apart are one firing."""
    return start(new_exporter({"reopen_window": "10s"}))


@pytest.fixture
def late_pair(start, tmp_path, exporter, alertmanager_needed):
    return start_pair(start, tmp_path, exporter, LATE_GOSSIP)


def play_outage(pair, exporter, starts_at):
    """Fire at both, wait until both have notified, end it at both, and wait until both have said so."""
    fire(pair, starts_at, now() + timedelta(minutes=5))
    until(lambda: all(sent(each) >= 1 for each in pair), "both to notify that it fires")
    until(exporter.incidents, "an incident")
    before = [sent(each) for each in pair]
    fire(pair, starts_at, now())
    until(lambda: all(sent(each) > then for each, then in zip(pair, before, strict=True)), "both to notify again")
    until(lambda: exporter.incident()["phase"] == "resolved", "the incident to resolve")


def test_it_sees_one_incident_and_counts_each_sample_once_when_both_notify(late_pair, exporter):
    starts_at = now() - timedelta(seconds=30)
    play_outage(late_pair, exporter, starts_at)
    assert [incident["id"] for incident in exporter.incidents()] == ["INC-1"]
    assert instant(exporter.incident()["milestones"]["detected"]) == starts_at

    until(lambda: exporter.get_metrics().total("mttx_time_to_resolve_seconds_count"), "the resolution to be settled")
    metrics = exporter.get_metrics()
    assert metrics.total("mttx_webhook_requests_total", source="alertmanager") >= 4
    assert metrics.total("mttx_incidents_opened_total") == 1
    assert metrics.total("mttx_incidents_resolved_total") == 1
    assert metrics.total("mttx_time_to_resolve_seconds_count") == 1
    resolve = exporter.incident()["indicators"]["resolve"]
    assert metrics.total("mttx_time_to_resolve_seconds_sum") == pytest.approx(resolve, abs=0.002)
    # Nobody said when it began, nobody acknowledged: no sample, rather than one that is made up.
    assert metrics.total("mttx_time_to_detect_seconds_count") == 0
    assert metrics.total("mttx_time_to_acknowledge_seconds_count") == 0


def test_it_takes_the_earlier_start_where_the_two_disagree(late_pair, exporter):
    early = now() - timedelta(seconds=40)
    first, other = late_pair
    fire([first], early + timedelta(seconds=7), now() + timedelta(minutes=5))
    until(lambda: sent(first) >= 1, "the first to notify")
    until(exporter.incidents, "an incident")
    fire([other], early, now() + timedelta(minutes=5))
    until(lambda: sent(other) >= 1, "the second to notify")

    until(lambda: instant(exporter.incident()["milestones"]["detected"]) == early, "the start to move earlier")
    assert len(exporter.incidents()) == 1


def test_it_resolves_through_the_one_that_is_left(start, tmp_path, exporter, alertmanager_needed):
    first, other = pair = start_pair(start, tmp_path, exporter, flags=[])
    starts_at = now() - timedelta(seconds=30)
    fire(pair, starts_at, now() + timedelta(minutes=5))
    until(exporter.incidents, "an incident")
    until(lambda: any(sent(each) for each in pair), "one of them to have counted its notification")

    notifier, survivor = (first, other) if sent(first) else (other, first)
    notifier.kill()
    before = sent(survivor)
    fire([survivor], starts_at, now())
    until(lambda: sent(survivor) > before, "the one that is left to notify")
    until(lambda: exporter.incident()["phase"] == "resolved", "the incident to resolve")
    until(lambda: exporter.get_metrics().total("mttx_time_to_resolve_seconds_count") == 1, "one sample")
    assert len(exporter.incidents()) == 1
