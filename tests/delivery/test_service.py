"""The whole service with a Grafana: a webhook becomes an annotation, and the scrape shows how it goes."""

import time

import pytest

from tests.delivery.serving import eventually, metrics, send, serving
from tests.grafana.loopback import TOKEN


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Give a function that starts the service with these keys of `grafana`, and stops it behind the test."""
    with serving(tmp_path, monkeypatch) as start:

        def serve(**keys):
            return start(grafana=keys)

        yield serve


def test_it_shows_what_a_webhook_reported(serve, grafana):
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


def test_it_shows_that_grafana_does_not_let_it_in_and_delivers_after_a_restart(serve, grafana):
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


def test_it_shows_what_grafana_refused(serve, grafana):
    grafana.fail_once(400)
    client, _ = serve(url=grafana.url, token=TOKEN)
    send(client)
    eventually(lambda: metrics(client)['mttx_outbox_stopped{target="grafana"}'] == 1)


@pytest.mark.parametrize("keys", [{}, {"url": "http://127.0.0.1:1", "annotations": False}])
def test_it_has_no_outbox_where_nothing_is_to_be_shown(serve, keys):
    client, _ = serve(**keys)
    send(client)
    assert metrics(client) == {}


def test_it_answers_webhooks_and_stops_in_time_while_grafana_hangs(serve, grafana):
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
