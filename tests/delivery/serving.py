"""The whole service in this process, with dispatchers that do not wait long between their rounds."""

import json
import time
from contextlib import contextmanager

from service.app import create_app
from service.settings.model import Settings

EVENTS = [
    {"incident_key": "a", "kind": "detected", "occurred_at": "2026-03-02T09:00:00Z", "severity": "SEV-1"},
    {"incident_key": "a", "kind": "acknowledged", "occurred_at": "2026-03-02T09:04:00Z"},
]


@contextmanager
def serving(tmp_path, monkeypatch):
    """Give a function that starts the service with these keys, and stop what was started."""
    monkeypatch.setattr("service.delivery.dispatcher.IDLE_SECONDS", 0.02)
    monkeypatch.setattr("service.logs.configure", lambda level: None)
    started = []

    def serve(**keys):
        settings = {"database_url": f"sqlite:///{tmp_path / 'mttx.db'}", **keys}
        app = create_app(Settings.model_validate(settings))
        started.append(app.extensions["mttx.shut_down"])
        return app.test_client(), started[-1]

    yield serve
    for shut_down in started:
        shut_down()


def metrics(client):
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("mttx_outbox")}


def eventually(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def send(client):
    answer = client.post("/webhooks/lifecycle", data=json.dumps(EVENTS), content_type="application/json")
    assert answer.status_code == 200
