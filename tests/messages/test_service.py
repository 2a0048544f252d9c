"""The whole service with a Slack: a webhook becomes a message, and the scrape shows how it goes."""

import pytest

from tests.delivery.serving import eventually, metrics, send, serving
from tests.messages.loopback import CHANNEL, HOOK, TOKEN


@pytest.fixture
def serve(tmp_path, monkeypatch):
    with serving(tmp_path, monkeypatch) as start:
        yield start


def test_it_posts_what_a_webhook_reported(serve, slack):
    client, _ = serve(slack={"api_url": f"{slack.url}/api", "token": TOKEN, "channel": CHANNEL})
    counted = metrics(client)
    assert counted['mttx_outbox_pending{target="slack"}'] == 0
    assert counted['mttx_outbox_deliveries_total{target="slack"}'] == 0
    assert counted['mttx_outbox_failures_total{reason="throttled",target="slack"}'] == 0
    send(client)
    eventually(lambda: len(slack.messages) == 1)
    eventually(lambda: metrics(client)['mttx_outbox_pending{target="slack"}'] == 0)
    assert slack.texts()[0].startswith("[SEV-1] ")


def test_it_says_it_in_every_place_that_is_configured(serve, slack):
    client, _ = serve(
        slack={"webhook_url": f"{slack.url}{HOOK}"},
        webhook={"url": f"{slack.url}/hook"},
        grafana={"url": "http://127.0.0.1:9", "token": "x"},
    )
    send(client)
    eventually(lambda: len(slack.hooked) == 2)
    assert metrics(client)['mttx_outbox_pending{target="grafana"}'] > 0
    assert {"slack", "webhook", "grafana"} == {name.rpartition('target="')[2][:-2] for name in metrics(client)}


def test_it_says_nothing_where_nothing_is_configured(serve, slack):
    client, _ = serve(messages={"language": "en"})
    send(client)
    assert metrics(client) == {}
    assert slack.asked == []
