"""Those who want it to stop: slow bodies on every kind of route, work that grows, and crowds of readers.

Meanwhile probes are answered, and webhooks: what was answered 2xx is there. How soon is in the notes of the table.
"""

import json
import math
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from tests.faults.senders import sending
from tests.faults.site import memory, wait_for_answers
from tests.faults.test_crowds import Crowd, files
from tests.real.http import request
from tests.real.meanwhile import meanwhile

pytestmark = pytest.mark.real
torture = pytest.mark.torture

ROUTES = (
    "/webhooks/alertmanager",
    "/webhooks/grafana",
    "/webhooks/pagerduty",
    "/webhooks/alertmanager-events",
    "/webhooks/lifecycle",
    "/api/v1/incidents",
    "/api/v1/incidents/INC-1/events",
    "/incidents/INC-1/note",
)
SECONDS = {"short": 4, "long": 20}


@contextmanager
def slow_bodies(port, over, long):
    """A thousand connections that announce a body and then send a byte now and then, on all routes by turns."""
    count = 1_000 if long else 200
    with files(count + 500):
        crowds = [Crowd(port) for _ in ROUTES]
        for crowd, route in zip(crowds, ROUTES, strict=True):
            crowd.gather(count // len(ROUTES))
            time.sleep(0.2)
            crowd.say(f"POST {route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n".encode())

        def drip():
            while not over.wait(1):
                for crowd in crowds:
                    crowd.say(b"x")

        with meanwhile([threading.Thread(target=drip)], over):
            yield
        for crowd in crowds:
            crowd.close()


def repeated(count, act):
    """Return an attack of so many clients that each do the same again and again."""

    @contextmanager
    def attack(port, over, long):
        def client():
            while not over.is_set():
                with suppress(OSError):
                    act(f"http://127.0.0.1:{port}", long)

        with meanwhile([threading.Thread(target=client) for _ in range(count)], over):
            yield

    return attack


def post(base, path, body):
    return request("POST", base + path, body, {"Content-Type": "application/json"}, timeout=30)


def many_keys(base, long):
    keys = ",".join(f'"key-{n}":1' for n in range(20_000))
    post(base, "/webhooks/lifecycle", f'{{"incident_key":"k","kind":"note","data":{{{keys},"key-0":2}}}}'.encode())


def retractions(base, long):
    """Eight thousand of them, each of the one before."""
    begun = {"incident_key": "chain", "kind": "detected", "title": "storm-900001-1", "event_id": "begun"}
    post(base, "/webhooks/lifecycle", json.dumps(begun).encode())
    for first in range(0, 8_000 if long else 2_000, 500):
        events = [
            {
                "incident_key": "chain",
                "kind": "retracted",
                "title": "storm-900001-1",
                "event_id": f"r{n}",
                "data": {"event_id": f"r{n - 1}"},
            }
            for n in range(first, first + 500)
        ]
        post(base, "/webhooks/lifecycle", json.dumps(events).encode())
    request("GET", f"{base}/incidents", timeout=30)


def notes_at_the_cap(base, long):
    events = [
        {
            "incident_key": "notes",
            "kind": "note",
            "title": "storm-900001-2",
            "event_id": f"n{n}",
            "data": {"text": "<&" * 5_000},
        }
        for n in range(60)
    ]
    answer = json.loads(post(base, "/webhooks/lifecycle", json.dumps(events).encode()).body)
    for incident in answer.get("incidents", ()):
        request("GET", f"{base}/incidents/{incident['id']}", timeout=30)


def scrape(base, long):
    request("GET", f"{base}/metrics", headers={"Accept-Encoding": "gzip"}, timeout=30)


ATTACKS = {
    "slow bodies on every route": slow_bodies,
    "bodies of 20 000 keys": repeated(4, many_keys),
    "chains of retractions": repeated(2, retractions),
    "notes of maximum size, and their page": repeated(4, notes_at_the_cap),
    "readers of /metrics": None,
}
WRITE = {"chains of retractions", "notes of maximum size, and their page"}
"""What an attack does to the database; the others meet the same code before any engine."""


def p99(seconds):
    return sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]


@contextmanager
def probing(exporter, over):
    """Ask for the probes and the scrape meanwhile; gives how long each took to answer, infinite where none did."""
    took = {"/-/healthy": [], "/-/ready": [], "/metrics": []}

    def ask(path):
        while not over.wait(0.1):
            began = time.monotonic()
            try:
                status = request("GET", exporter.url + path, timeout=20).status
            except OSError:
                status = None
            took[path].append(time.monotonic() - began if status in (200, 503) else math.inf)

    with meanwhile([threading.Thread(target=ask, args=(path,)) for path in took], over):
        yield took


RUNS = [
    *((attack, "sqlite", "short") for attack in ATTACKS),
    *((attack, "postgresql", "short") for attack in ATTACKS if attack in WRITE),
    *(pytest.param(attack, engine, "long", marks=torture) for attack in ATTACKS for engine in ("sqlite", "postgresql")),
]


@pytest.mark.parametrize(("attack", "engine", "length"), RUNS)
def test_it_answers_probes_and_webhooks_during(on, attack, engine, length):
    long = length == "long"
    site, over = on(engine, common=not long and engine == "postgresql"), threading.Event()
    before = memory(site.first, "VmRSS")
    attacking = ATTACKS[attack] or repeated(600 if long else 60, scrape)
    done = threading.Event()
    with (
        sending([site.first], clients=2, pace=0.1) as senders,
        probing(site.first, done) as took,
        attacking(site.first.port, over, long),
    ):
        site.senders.append(senders)
        began = time.monotonic()
        wait_for_answers(senders, 10)
        while time.monotonic() - began < SECONDS[length]:
            time.sleep(0.2)
        done.set()
    webhooks = p99([seconds for _, seconds in senders.landed])
    probes = ", ".join(f"{path} {p99(times):.2f} s" for path, times in took.items())
    note = (
        f"p99 of webhooks {webhooks:.2f} s, of {probes}; "
        f"memory {before:.0f} MiB before, {memory(site.first):.0f} MiB at its peak"
    )
    site.hold_to_promises(attack, 1, None, note, at_least=10)
    assert max(p99(times) for times in took.values()) < math.inf, note
    assert p99(took["/-/healthy"]) < 5, note
