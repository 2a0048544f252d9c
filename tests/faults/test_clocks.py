"""Clocks that jump, of the whole service as a process of its own: nothing is lost, falls, or waits for hours."""

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, pairwise

import pytest

from tests.faults.clocks import Clock
from tests.faults.senders import sending
from tests.faults.site import check_refusals, recovered, refusing, wait_for_answers
from tests.grafana.loopback import TOKEN
from tests.real.meanwhile import meanwhile
from tests.real.processes import until
from tests.real.servers import instant

pytestmark = pytest.mark.real

torture = pytest.mark.torture
HOURS = 6 * 3600
FAILED = "mttx_outbox_failures_total"
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
    """Tell of the end of the alerts that were told of last, until it is taken in; the senders' clock is right."""
    for token in list(senders.answered)[-count:]:
        body = json.loads(senders.bodies[token])
        body["status"] = body["alerts"][0]["status"] = "resolved"
        body["alerts"][0]["endsAt"] = datetime.now(UTC).isoformat()
        until(lambda body=body: exporter.post("/webhooks/alertmanager", body).status == 200, "an end to be taken in")


@contextmanager
def watched(exporters):
    """Scrape each by turns while the block runs, and insist that no counter and no bucket ever fell: all are the same.

    What one replica has told, the next one may not take back.
    """
    over, scrapes = threading.Event(), []

    def watch():
        for exporter in cycle(exporters):
            if over.wait(0.5):
                return
            scrapes.append(exporter.get_metrics().starting_with(*GROWING))

    with meanwhile([threading.Thread(target=watch)], over):
        yield
        until(lambda: len(scrapes) > len(exporters), "two scrapes of one of them")
    for before, after in pairwise(scrapes):
        assert not {key for key, value in before.items() if after.get(key, 0) < value}
    resolved = {key: value for key, value in scrapes[-1].items() if "resolved_total" in key[0]}
    assert sum(resolved.values()) > 0, "no histogram had a sample"


def assert_in_order(exporter):
    for row in exporter.incidents()[-40:]:
        incident = exporter.incident(row["id"])
        happened = [instant(event["occurred_at"]) for event in incident["events"]]
        assert happened == sorted(happened)
        instants = [incident["milestones"][name] for name in ("detected", "resolved")]
        assert instants == sorted(
            instants, key=lambda text: instant(text) if text else datetime.max.replace(tzinfo=UTC)
        )


def counted(site, name, **labels):
    """Return what all replicas counted together."""
    return sum(exporter.get_metrics().total(name, **labels) for exporter in site.exporters)


def assert_delivered(site, grafana):
    """Wait until everything is, and insist that each item is shown once. Returns how long it took."""
    began = time.monotonic()
    until(lambda: site.first.get_metrics().total("mttx_outbox_pending") == 0, "everything to be delivered", every=0.5)
    took = time.monotonic() - began
    rows = grafana.annotated()
    keys = [next((tag for tag in row["tags"] if tag.startswith("mttx-item")), "a second copy") for row in rows]
    assert [key for key, count in Counter(keys).items() if count > 1 or key == "a second copy"] == []
    assert len(grafana.regions()) >= len(site.first.incidents())
    return took


@pytest.mark.parametrize(
    ("engine", "times"),
    [
        ("sqlite", 1),
        pytest.param("sqlite", 2, marks=torture),
        pytest.param("postgresql", 2, marks=torture),
    ],
)
def test_it_keeps_its_word_over_jumps_ahead_and_back(on, engine, clock, grafana, times):
    """What failed while the clock was hours ahead waits for an instant hours away; it has to come back at once.

    While the clock is behind, alerts are of the future to the service: they are told again until it is right.
    """
    site, longest = on(engine, {"grafana": {"url": grafana.url, "token": TOKEN}}, clock.under), 0.0
    for _ in range(times):
        with watched(site.exporters), sending(site.exporters, clients=2, pause=0.3, pace=0.2) as senders:
            site.senders.append(senders)
            wait_for_answers(senders)
            resolve(site.first, senders)
            grafana.fail_while("drop")
            clock.set(HOURS)
            wait_for_answers(senders)
            resolve(site.first, senders)
            before = counted(site, FAILED)
            until(lambda before=before: counted(site, FAILED) > before, "a delivery that fails")
            clock.set(0)
            longest = max(longest, recovered(senders, time.monotonic()))
            grafana.work_again()
            clock.set(-HOURS)
            refusing(senders, 5)
            clock.set(0)
            longest = max(longest, recovered(senders, time.monotonic()))
            resolve(site.first, senders)
        check_refusals(senders)
        assert counted(site, "mttx_webhook_failures_total", reason="future") >= 5
    note = f"everything was delivered {assert_delivered(site, grafana):.0f} s after the last jump"
    site.hold_to_promises("clock 6 h ahead, correct, 6 h behind, correct", times, longest, note)
    assert_in_order(site.first)


@pytest.mark.parametrize(
    ("times", "jumps"),
    [(1, (HOURS, -HOURS)), pytest.param(3, (HOURS, 0, -HOURS, 0), marks=torture)],
    ids=["short", "long"],
)
def test_it_keeps_its_word_while_the_clock_of_one_replica_is_wrong(on_postgresql, clock, grafana, times, jumps):
    """What one replica writes the others read: no row may wait for its clock, and no lease may be taken for over.

    Webhooks go to it as to the others. While it is behind it refuses them, and they are taken by another.
    """
    site, longest = on_postgresql({"grafana": {"url": grafana.url, "token": TOKEN}}, [clock.under, (), ()]), 0.0
    wrong = site.first
    grafana.faults = lambda asked, when: 0.2 if when == "before" else None  # so that replicas meet over a row
    for _ in range(times):
        with watched(site.exporters), sending(site.exporters, clients=6, pause=0.1, pace=0.2) as senders:
            site.senders.append(senders)
            for hours in jumps:
                clock.set(hours)
                time.sleep(1.5)  # until the library has read it
                longest = max(longest, recovered(senders, time.monotonic()))
                resolve(site.exporters[1], senders)
                wait_for_answers(senders, 10)
                if hours < 0:  # its own senders may have left it on the way, for a try that took long
                    wrong.post("/webhooks/alertmanager", json.loads(senders.next_body()[1])).expect(503)
        check_refusals(senders)
        assert wrong.get_metrics().total("mttx_webhook_failures_total", reason="future") > 0
    grafana.work_again()
    note = f"everything was delivered {assert_delivered(site, grafana):.0f} s after the last jump"
    site.hold_to_promises("clock of one replica 6 h ahead, and 6 h behind", times, longest, note)
    assert_in_order(site.exporters[1])
