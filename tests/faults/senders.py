"""Those who send: as Alertmanager they try again until somebody answers 2xx, and they remember what they were told."""

import http.client
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager

from tests.real.meanwhile import meanwhile
from tests.real.storms import Storm, incidents_by_token, rounds

CONCERNS_THE_CONNECTION = (OSError, http.client.HTTPException)


class Senders(Storm):
    """`count` webhooks in all, or as many as fit in; each of them is another incident.

    `refused` counts what else came of tries: the status, or "cut" for a connection that ended without an answer.
    """

    def __init__(self, exporters, count=None, pause=0.05, pace=0.0, timeout=40):
        super().__init__(next(rounds))
        self.ports = [exporter.port for exporter in exporters]
        self.left = None if count is None else iter(range(count))
        self.pause = pause  # before the next try
        self.pace = pace  # before the next webhook
        self.timeout = timeout
        self.refused = Counter()
        self.landed = []  # (when it was answered 2xx, how long the try took)
        self.slowest = 0.0
        self._lock = threading.Lock()

    def run(self, number):
        """Send one after the other from the replica with this number on, each until it is answered 2xx."""
        connection, at = None, number
        try:
            while not self.over.is_set():
                with self._lock:
                    if self.left is not None and next(self.left, None) is None:
                        return
                    token, body = self.next_body()
                while not self.over.is_set():
                    connection = connection or self._connect(at)
                    if self._lands(connection, token, body):
                        break
                    connection.close()
                    connection, at = None, at + 1
                    self.over.wait(self.pause)
                if self.pace:
                    self.over.wait(self.pace)
        finally:
            if connection is not None:
                connection.close()

    def _connect(self, at):
        return http.client.HTTPConnection("127.0.0.1", self.ports[at % len(self.ports)], timeout=self.timeout)

    def _lands(self, connection, token, body):
        """Try once; whatever becomes of it is remembered."""
        began = time.monotonic()
        try:
            connection.request("POST", "/webhooks/alertmanager", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except CONCERNS_THE_CONNECTION:
            return self._failed("cut", began)
        if not 200 <= answer.status < 300:
            return self._failed(answer.status, began)
        (incident,) = json.loads(text)["incidents"]
        now = time.monotonic()
        with self._lock:
            self.answered[token] = incident["id"]
            self.landed.append((now, now - began))
            self.slowest = max(self.slowest, now - began)
        return True

    def _failed(self, outcome, began):
        with self._lock:
            self.refused[outcome] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
        return False

    def answered_after(self, moment):
        """Return how long after a moment the first try that began later was answered 2xx, None where none was yet."""
        with self._lock:
            later = [ended for ended, took in self.landed if ended - took > moment]
        return min(later) - moment if later else None


@contextmanager
def sending(exporters, clients=8, count=None, **options):
    """Send while the block runs, with `count` until all of it has landed; afterwards every client has ended."""
    senders = Senders(exporters, count, **options)
    threads = [threading.Thread(target=senders.run, args=(number,)) for number in range(clients)]
    with meanwhile(threads, senders.over, within=90):
        yield senders
        if count is not None:
            for thread in threads:
                thread.join(1800)
    assert not any(thread.is_alive() for thread in threads), "a sender still waits for its answer"


def kept(exporter, all_senders):
    """Return (answered, found, doubled): how many were promised, how many of them are there, how many more than once.

    An incident that was moved to another id since it was promised counts as lost.
    """
    stored = incidents_by_token(exporter.incidents())
    answered = {token: number for senders in all_senders for token, number in senders.answered.items()}
    there = [token for token, number in answered.items() if number in stored.get(token, ())]
    return len(answered), len(there), sum(len(ids) > 1 for ids in stored.values())
