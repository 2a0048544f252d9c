"""An alert storm: many clients at once, every webhook another alert group, and a record of what was answered."""

import hashlib
import http.client
import itertools
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.real.meanwhile import meanwhile

TOKEN = re.compile(r"storm-\d+-\d+")
rounds = itertools.count()


def notification(token, status="firing", starts_at=None, ends_at=None):
    """Build an Alertmanager v4 body whose alert, fingerprint and group exist once in the world."""
    starts_at = starts_at or datetime.now(UTC)
    labels = {"alertname": token, "severity": "critical"}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": token},
        "startsAt": starts_at.isoformat(),
        "endsAt": ends_at.isoformat() if ends_at else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": hashlib.sha256(token.encode()).hexdigest()[:16],
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{token}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "mttx",
        "groupLabels": {"alertname": token},
        "commonLabels": labels,
        "commonAnnotations": {"summary": token},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": [alert],
    }


@dataclass
class Storm:
    """What the clients saw: `answered` maps the token of a 2xx to its incident id (None if cut off after the 200)."""

    number: int
    answered: dict = field(default_factory=dict)
    in_flight: list = field(default_factory=list)
    other: list = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    bodies: dict = field(default_factory=dict)
    _count: itertools.count = field(default_factory=itertools.count)

    def next_body(self):
        token = f"storm-{self.number}-{next(self._count)}"
        self.bodies[token] = json.dumps(notification(token)).encode()
        return token, self.bodies[token]

    def run(self, port):
        """Post until the server goes away, as one of Alertmanager's notifiers, on one connection that is kept."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while not self.over.is_set():
                token, body = self.next_body()
                try:
                    connection.request("POST", "/webhooks/alertmanager", body, {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                except (OSError, http.client.HTTPException):
                    self.in_flight.append(token)
                    return
                self._record(token, answer)
        finally:
            connection.close()

    def _record(self, token, answer):
        if 200 <= answer.status < 300:
            self.answered[token] = None  # promised from here on, even if the rest of the answer is cut off
        try:
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return
        if token in self.answered:
            (incident,) = json.loads(text)["incidents"]
            self.answered[token] = incident["id"]
        else:
            self.other.append((answer.status, text[:300]))


@contextmanager
def storm(exporter, clients=8):
    """Let it blow over the exporter while the block runs; afterwards every client has ended, by itself or asked to."""
    blowing = Storm(next(rounds))
    threads = [threading.Thread(target=blowing.run, args=(exporter.port,)) for _ in range(clients)]
    with meanwhile(threads, blowing.over):
        yield blowing
    assert not any(thread.is_alive() for thread in threads), "a client still waits for its answer"


def incidents_by_token(incidents):
    """Return {token: [incident ids that name it]}: one each, or something is there twice."""
    ids = {}
    for incident in incidents:
        tokens = set(TOKEN.findall(json.dumps(incident)))
        assert len(tokens) == 1, f"{incident['id']} names {len(tokens)} alerts: {tokens}"
        ids.setdefault(tokens.pop(), []).append(incident["id"])
    return ids


def assert_kept(exporter, storms):
    """Hold the exporter to its word: each webhook answered 2xx has its incident, no alert has two, totals agree."""
    incidents = exporter.incidents()
    kept = incidents_by_token(incidents)
    twice = {token: ids for token, ids in kept.items() if len(ids) > 1}
    assert not twice, f"incidents that are there twice: {twice}"
    answered = {token: number for blown in storms for token, number in blown.answered.items()}
    lost = sorted(answered.keys() - kept.keys())
    assert not lost, f"{len(lost)} of {len(answered)} answered webhooks are lost: {lost[:10]}"
    moved = {token: (number, kept[token]) for token, number in answered.items() if number not in (None, *kept[token])}
    assert not moved, f"incidents that changed their id: {moved}"
    opened = exporter.get_metrics().total("mttx_incidents_opened_total")
    assert opened == len(incidents), f"the running total says {opened} opened, the list has {len(incidents)}"
