"""A storm while Grafana is down or slow: all of it is stored, memory is bounded, each incident is annotated once."""

import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.faults.senders import sending
from tests.faults.site import check_refusals, memory
from tests.grafana.loopback import KINDS, TOKEN
from tests.real.http import request
from tests.real.meanwhile import meanwhile
from tests.real.processes import until

pytestmark = pytest.mark.real

torture = pytest.mark.torture
BOUND_MIB = 400
"""Of all processes of one exporter. The manifests' limit is 512 MiB."""


def annotated(grafana):
    """Configure a target; one more target is one more such function, with its own way to count below."""
    return {"grafana": {"url": grafana.url, "token": TOKEN, "timeout": "2s"}}


def shown(grafana):
    """Return how many annotations there are of each incident, counting hidden ones too."""
    with grafana._lock:
        rows = grafana.annotated()
    return Counter(next(tag for tag in row["tags"] if tag.startswith("mttx-item")) for row in rows)


@contextmanager
def scraped(exporters):
    """Scrape like Prometheus while the block runs; gives the seconds that each scrape took."""
    over, took = threading.Event(), []

    def scrape(exporter):
        while not over.wait(0.2):
            began = time.monotonic()
            request("GET", f"{exporter.url}/metrics").expect(200)
            took.append(time.monotonic() - began)

    threads = [threading.Thread(target=scrape, args=(exporter,)) for exporter in exporters]
    with meanwhile(threads, over):
        yield took


def pending(site):
    return site.first.get_metrics().total("mttx_outbox_pending")


@pytest.mark.parametrize(
    ("grafana", "engine", "count"),
    [
        ("10.1", "sqlite", 600),
        *[pytest.param(kind, engine, 20_000, marks=torture) for kind in KINDS for engine in ("sqlite", "postgresql")],
    ],
    indirect=["grafana"],
)
def test_it_stores_a_storm_while_grafana_is_down_and_annotates_all_of_it_afterwards(on, grafana, engine, count):
    grafana.fail_while("drop")
    site = on(engine, annotated(grafana))
    with scraped(site.exporters) as scrapes:
        began = time.monotonic()
        with sending(site.exporters, clients=64, count=count) as senders:
            site.senders.append(senders)
        rate = count / (time.monotonic() - began)
    assert len(senders.answered) == count
    check_refusals(senders)
    assert scrapes, "nobody could scrape"
    assert not shown(grafana)
    assert pending(site) == count
    grafana.work_again()
    back = time.monotonic()
    until(lambda: len(grafana.annotations.rows) >= count, "all annotations", within=1200, every=0.5)
    until(lambda: pending(site) == 0, "an empty outbox", within=90)
    recovery = time.monotonic() - back
    assert Counter(shown(grafana).values()) == {1: count}
    peak = max(memory(exporter) for exporter in site.exporters)
    scrapes.sort()
    note = (
        f"{rate:.0f} webhooks a second at 64 connections; {len(scrapes)} scrapes meanwhile, median "
        f"{scrapes[len(scrapes) // 2]:.2f} s, the slowest {scrapes[-1]:.2f} s; peak memory {peak:.0f} MiB; "
        "recovery: until each incident had exactly one annotation"
    )
    site.hold_to_promises(f"storm of {count} while Grafana is down", 1, recovery, note, at_least=count)
    assert peak < BOUND_MIB


@torture  # CI has tests/delivery/test_troubles.py
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_it_keeps_its_word_while_grafana_is_slow_for_long(on, grafana, engine):
    """Some answers come after we gave up, so that nobody knows of them; each incident has one annotation in the end."""
    site, slow = on(engine, annotated(grafana)), iter(range(10**9))
    grafana.faults = lambda asked, when: (2.5 if next(slow) % 5 == 0 else 0.4) if when == "after" else None
    with sending(site.exporters, count=60, pace=0.2) as senders:
        site.senders.append(senders)
    check_refusals(senders)
    slowest = senders.slowest
    grafana.work_again()
    back = time.monotonic()
    until(lambda: pending(site) == 0, "an empty outbox", within=300, every=0.5)
    recovery = time.monotonic() - back
    visible = Counter(next(t for t in row["tags"] if t.startswith("mttx-item")) for row in grafana.regions())
    assert Counter(visible.values()) == {1: 60}
    note = f"the slowest webhook took {slowest:.2f} s; recovery: until everything was delivered"
    site.hold_to_promises("Grafana slow (0.4 to 2.5 s, timeout 2 s)", 1, recovery, note)
