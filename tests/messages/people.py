"""The whole service with a Slack in which people act."""

from functools import partial

import pytest

from tests.delivery.serving import eventually, serving
from tests.messages.loopback import CHANNEL, TOKEN
from tests.messages.sockets import APP_TOKEN, SIGNING_SECRET, Person

BOT = {"token": TOKEN, "channel": CHANNEL, "timeout": "2s"}
SOCKET = {"app_token": APP_TOKEN}
SIGNED = {"signing_secret": SIGNING_SECRET}


@pytest.fixture
def serve(tmp_path, monkeypatch, slack):
    with serving(tmp_path, monkeypatch) as start:

        def serve(keys=SOCKET, **others):
            where = {"api_url": f"{slack.url}/api", **BOT, **keys}
            links = len(slack.sockets.links)
            client, shut_down = start(slack=where, messages={"language": "en"}, **others)
            if "app_token" in keys:
                eventually(lambda: len(slack.sockets.links) > links)
            return client, shut_down

        yield serve


@pytest.fixture(params=["socket", "signed"])
def press_site(request, serve, slack):
    """Give a client, and a person whose presses come over Socket Mode, or in signed requests."""
    client, _ = serve(SOCKET if request.param == "socket" else SIGNED)
    return client, partial(Person, slack, client=None if request.param == "socket" else client)


@pytest.fixture
def replicas(serve, postgresql):
    """Two services on one PostgreSQL."""
    url = postgresql.new_database()
    return [serve(database_url=url) for _ in range(2)]


def open_incident(client, slack, title="Checkout fails", severity="SEV-2"):
    """Open an incident, and return its id and the ts of its first report."""
    answer = client.post("/api/v1/incidents", json={"title": title, "severity": severity})
    assert answer.status_code == 201
    eventually(lambda: any(title in message["text"] for message in slack.messages.values()))
    return answer.get_json()["id"], next(ts for ts, m in slack.messages.items() if title in m["text"])


def events(client, incident):
    return client.get(f"/api/v1/incidents/{incident}").get_json()["events"]


def kinds(client, incident):
    return [event["kind"] for event in events(client, incident)]


def failures(client, reason):
    line = f'mttx_webhook_failures_total{{reason="{reason}",source="slack"}} '
    return next(
        float(text.removeprefix(line)) for text in client.get("/metrics").text.splitlines() if text.startswith(line)
    )
