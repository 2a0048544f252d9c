"""The whole service with a Grafana: a webhook becomes an annotation, and the scrape shows how it goes."""

import json
import time

import pytest

from service.app import create_app
from service.settings import Settings
from tests.grafana.loopback import TOKEN, Grafana

EVENTS = [
    {"incident_key": "a", "kind": "detected", "occurred_at": "2026-03-02T09:00:00Z", "severity": "SEV-1"},
    {"incident_key": "a", "kind": "acknowledged", "occurred_at": "2026-03-02T09:04:00Z"},
]


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Give a function that starts the service with these keys of `grafana`, and stops it behind the test."""
    monkeypatch.setattr("service.dispatcher.dispatcher.IDLE_SECONDS", 0.02)
    monkeypatch.setattr("service.logs.configure", lambda level: None)
    started = []

    def serve(**keys):
        settings = {"database_url": f"sqlite:///{tmp_path / 'mttx.db'}", "grafana": keys}
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


def test_it_shows_what_a_webhook_told(serve):
    with Grafana() as grafana:
        client, _ = serve(url=grafana.url, token=TOKEN)
        counted = metrics(client)
        assert counted['mttx_outbox_pending{target="grafana"}'] == 0
        assert counted['mttx_outbox_oldest_timestamp_seconds{target="grafana"}'] == 0
        assert counted['mttx_outbox_deliveries_total{target="grafana"}'] == 0
        assert counted['mttx_outbox_failures_total{reason="unauthorized",target="grafana"}'] == 0
        send(client)
        eventually(lambda: len(grafana.regions()) == 2)
        eventually(lambda: metrics(client)['mttx_outbox_pending{target="grafana"}'] == 0)
        assert metrics(client)['mttx_outbox_deliveries_total{target="grafana"}'] == 2


def test_it_shows_that_grafana_does_not_let_it_in_and_delivers_after_a_restart(serve):
    with Grafana() as grafana:
        client, shut_down = serve(url=grafana.url, token="glsa_wrong")
        send(client)
        eventually(lambda: metrics(client)['mttx_outbox_failures_total{reason="unauthorized",target="grafana"}'] == 1)
        counted = metrics(client)
        assert counted['mttx_outbox_pending{target="grafana"}'] == 1
        assert counted['mttx_outbox_oldest_timestamp_seconds{target="grafana"}'] > time.time() - 60
        assert len(grafana.requests(path="/annotations")) == 1
        shut_down()
        serve(url=grafana.url, token=TOKEN)
        eventually(lambda: len(grafana.regions()) == 2)


def test_it_shows_what_grafana_refused(serve):
    with Grafana() as grafana:
        grafana.fail_once(400)
        client, _ = serve(url=grafana.url, token=TOKEN)
        send(client)
        eventually(lambda: metrics(client)['mttx_outbox_stopped{target="grafana"}'] == 1)


@pytest.mark.parametrize("keys", [{}, {"url": "http://127.0.0.1:1", "annotations": False}])
def test_it_has_no_outbox_where_nothing_is_to_be_shown(serve, keys):
    client, _ = serve(**keys)
    send(client)
    assert metrics(client) == {}


def test_it_answers_webhooks_and_stops_in_time_while_grafana_hangs(serve):
    with Grafana() as grafana:
        grafana.fail_while(6.0)
        client, shut_down = serve(url=grafana.url, token=TOKEN, timeout="10s")
        send(client)
        eventually(lambda: grafana.asked)
        began = time.monotonic()
        for _ in range(20):
            send(client)
        assert time.monotonic() - began < 5
        began = time.monotonic()
        shut_down()
        assert time.monotonic() - began < 5.5
