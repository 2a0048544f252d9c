"""Clocks that jump, of the whole service as a process of its own: nothing is lost, falls, or waits for hours."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.faults.clocks import Clock
from tests.faults.senders import sending
from tests.faults.site import check_refusals, recovered, refusing, wait_for_answers
from tests.grafana.loopback import TOKEN
from tests.real.processes import until
from tests.real.servers import instant

pytestmark = pytest.mark.real

torture = pytest.mark.torture
HOURS = 6 * 3600
GROWING = (
    "mttx_time_to_",
    "mttx_postmortem_lead_time_",
    "mttx_incidents_opened_total",
    "mttx_incidents_resolved_total",
)


@pytest.fixture
def clock(tmp_path, require):
    require("faketime")
    return Clock(tmp_path)


def resolve(exporter, senders, count=3):
    """Tell of the end of the alerts that were told of last; the senders' clock is right."""
    for token in list(senders.answered)[-count:]:
        body = json.loads(senders.bodies[token])
        body["status"] = body["alerts"][0]["status"] = "resolved"
        body["alerts"][0]["endsAt"] = datetime.now(UTC).isoformat()
        exporter.post("/webhooks/alertmanager", body).expect(200)


@contextmanager
def watched(exporter):
    """Scrape while the block runs, and insist that no counter and no bucket ever fell."""
    over, scrapes = threading.Event(), []

    def watch():
        while not over.wait(1):
            scrapes.append(exporter.get_metrics().starting_with(*GROWING))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(60)
    assert len(scrapes) > 3
    for before, after in pairwise(scrapes):
        assert not {key for key, value in before.items() if after.get(key, 0) < value}
    resolved = {key: value for key, value in scrapes[-1].items() if "resolved_total" in key[0]}
    assert sum(resolved.values()) > 0, "no histogram had a sample"


def assert_in_order(exporter):
    for one in exporter.incidents()[-60:]:
        incident = exporter.incident(one["id"])
        happened = [instant(event["occurred_at"]) for event in incident["events"]]
        assert happened == sorted(happened)
        told = [incident["milestones"][name] for name in ("detected", "resolved")]
        assert told == sorted(told, key=lambda text: instant(text) if text else datetime.max.replace(tzinfo=UTC))


def failures(exporter):
    return exporter.get_metrics().total("mttx_outbox_failures_total")


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=torture)])
def test_it_keeps_its_word_over_jumps_ahead_and_back(on_sqlite, clock, grafana, times):
    """What failed while the clock was hours ahead waits for an instant hours away; it has to come back at once.

    While the clock is behind, alerts are of the future to the service: they are told again until it is right.
    """
    site, longest = on_sqlite({"grafana": {"url": grafana.url, "token": TOKEN}}, clock.under), 0.0
    for _ in range(times):
        with watched(site.one), sending(site.exporters, clients=2, pause=0.3, pace=0.2) as senders:
            site.senders.append(senders)
            wait_for_answers(senders)
            resolve(site.one, senders)
            grafana.fail_while("drop")
            clock.set(HOURS)
            wait_for_answers(senders)
            resolve(site.one, senders)
            before = failures(site.one)
            until(lambda before=before: failures(site.one) > before, "a delivery that fails")
            clock.set(0)
            longest = max(longest, recovered(senders, time.monotonic()))
            grafana.work_again()
            clock.set(-HOURS)
            refusing(senders, 5)
            clock.set(0)
            longest = max(longest, recovered(senders, time.monotonic()))
            resolve(site.one, senders)
        check_refusals(senders)
        assert site.one.get_metrics().total("mttx_webhook_failures_total", reason="future") >= 5
    back = time.monotonic()
    until(lambda: site.one.get_metrics().total("mttx_outbox_pending") == 0, "everything to be delivered", every=0.5)
    note = f"everything was delivered {time.monotonic() - back:.0f} s after the last jump"
    site.hold_to_promises("clock 6 h ahead, right, 6 h behind, right", times, longest, note)
    assert_in_order(site.one)
    keys = [
        next(tag for tag in row["tags"] if tag.startswith("mttx-item")) for row in grafana.annotations.rows.values()
    ]
    assert len(keys) == len(set(keys))
    assert len(grafana.regions()) >= len(site.one.incidents())
