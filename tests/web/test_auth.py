"""Who may do what, and what a browser on the same machine may not."""

from base64 import b64encode

import pytest

from service.logs import JsonFormatter
from service.recorder.commands import AppendEvent
from service.settings.tokens import Token, digest
from tests.web.fakes import World, assert_problem
from tests.web.test_webhooks import ALERTMANAGER, FIRING

INGEST, WRITE, READ = "ingest-token-12345", "write-token-123456", "read-token-1234567"
TOKENS = tuple(
    Token(name, frozenset({name}), digest(text))
    for name, text in (("ingest", INGEST), ("write", WRITE), ("read", READ))
)


@pytest.fixture
def guarded():
    return World(tokens=TOKENS)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def basic(token, user="anybody"):
    return {"Authorization": "Basic " + b64encode(f"{user}:{token}".encode()).decode()}


REQUESTS = [
    ("POST", ALERTMANAGER, INGEST),
    ("POST", "/webhooks/lifecycle", INGEST),
    ("POST", "/api/v1/incidents", WRITE),
    ("POST", "/api/v1/incidents/INC-1/events", WRITE),
    ("GET", "/api/v1/incidents", READ),
    ("GET", "/api/v1/incidents/INC-1", READ),
    ("GET", "/api/v1/incidents/INC-1/timeline", READ),
    ("GET", "/api/v1/incidents/INC-1/bodies", READ),
    ("POST", "/api/v1/incidents/INC-1/evidence", WRITE),
    ("GET", "/api/v1/indicators", READ),
]
OPEN = ["/openapi.json", "/metrics", "/-/healthy", "/-/ready"]


@pytest.mark.parametrize("header", [bearer, basic])
def test_it_takes_alertmanagers_two_ways_to_send_a_token_a16(guarded, header):
    assert guarded.post(ALERTMANAGER, data=FIRING, headers=header(INGEST)).status_code == 200


@pytest.mark.parametrize(("method", "path", "token"), REQUESTS)
def test_it_asks_for_a_token(guarded, method, path, token):
    response = guarded.client.open(path, method=method, data=b"{}")
    assert_problem(response, 401, "unauthorized")
    schemes = [challenge.split()[0] for challenge in response.headers.getlist("WWW-Authenticate")]
    assert schemes == ["Bearer", "Basic"]
    assert sum(guarded.failures().values()) == 1
    assert guarded.recorder.commands == []


@pytest.mark.parametrize(("method", "path", "token"), REQUESTS)
def test_it_asks_for_the_scope(guarded, method, path, token):
    for other in {INGEST, WRITE, READ} - {token}:
        response = guarded.client.open(path, method=method, data=b"{}", headers=bearer(other))
        assert other not in assert_problem(response, 403, "forbidden")
    allowed = guarded.client.open(path, method=method, data=b"{}", headers=bearer(token))
    assert allowed.status_code in (200, 400)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Token {INGEST}",
        INGEST,
        "Basic",
        "Basic !!!",
        "Basic YWJj",
        "Bearer é",
    ],
)
def test_it_refuses_bad_credentials(guarded, authorization):
    response = guarded.post(ALERTMANAGER, data=FIRING, headers={"Authorization": authorization})
    assert_problem(response, 401, "unauthorized")


def test_it_refuses_the_token_as_the_user(guarded):
    assert_problem(guarded.post(ALERTMANAGER, data=FIRING, headers=basic("", INGEST)), 401, "unauthorized")


def test_it_authenticates_before_it_looks_at_the_body(guarded):
    assert guarded.post(ALERTMANAGER, data=b"x" * 3_000_000).status_code == 401


@pytest.mark.parametrize("path", OPEN)
def test_it_leaves_probes_and_metrics_open(guarded, path):
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready"])
def test_it_guards_probes_and_metrics_where_asked_to(path):
    world = World(tokens=TOKENS, metrics_auth=True)
    assert_problem(world.get(path), 401, "unauthorized")
    assert world.get(path, headers=bearer(READ)).status_code == 200


def test_it_logs_no_token(guarded, caplog):
    caplog.set_level("DEBUG")
    guarded.post(ALERTMANAGER, data=FIRING, headers=bearer("wrong-" + INGEST))
    guarded.post(ALERTMANAGER, data=FIRING, headers=bearer(READ))
    assert caplog.records
    for line in caplog.records:
        assert INGEST not in str(line.__dict__)
        assert READ not in str(line.__dict__)


# --- who did it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "token", "name"),
    [
        ("/webhooks/lifecycle", INGEST, "ingest"),
        ("/api/v1/incidents", WRITE, "write"),
        ("/api/v1/incidents/INC-1/events", WRITE, "write"),
    ],
)
def test_it_records_the_name_of_the_token_in_each_event(guarded, path, token, name):
    body = {"title": "Checkout is broken"} if path.endswith("incidents") else {"kind": "detected"}
    if "webhooks" in path:
        body["incident_key"] = "jira-42"
    assert guarded.post(path, json=body, headers=bearer(token)).status_code in (200, 201)
    (command,) = guarded.recorder.commands
    events = [command.event] if isinstance(command, AppendEvent) else [keyed.event for keyed in command.events]
    assert {event.recorded_by for event in events} == {name}


def test_a_sender_cannot_choose_who_did_it(guarded):
    body = {"kind": "acknowledged", "recorded_by": "somebody-else"}
    assert guarded.post("/api/v1/incidents/INC-1/events", json=body, headers=bearer(WRITE)).status_code == 201
    (command,) = guarded.recorder.commands
    assert command.event.recorded_by == "write"


# --- without tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9877", "127.0.0.1:9877", "127.0.0.53", "[::1]:9877", "LOCALHOST"]
)
def test_it_answers_loopback_without_tokens(world, host):
    assert world.get("/api/v1/incidents", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9877",
        "10.0.0.1",
        "127.0.0.1.evil.example",
        "[::1",
        "",
        "evil@127.0.0.1",
        "evil.example:9877@localhost",
        "127.0.0.1/evil",
        "127.0.0.1,evil.example",
        "127.0.0.1:9877:1",
        "localhost\\evil",
        "[evil]",
    ],
)
def test_it_answers_no_other_name_without_tokens(world, host):
    """A page that had its name pointed at 127.0.0.1 reads nothing, not even the titles in /metrics."""
    everything = [(method, path) for method, path, _ in REQUESTS]
    everything += [
        ("GET", path) for path in (*OPEN, "/", "/incidents/INC-1", "/postmortems", "/nowhere", "/assets/mttx.css")
    ]
    for method, path in everything:
        response = world.client.open(path, method=method, data=FIRING, headers={"Host": host})
        assert response.status_code == 403, path
        assert response.mimetype == "text/html" or "MTTX_TOKENS_FILE" in response.text
    assert world.recorder.commands == []


def test_it_answers_other_names_with_tokens(guarded):
    headers = {"Host": "mttx.example", **bearer(INGEST)}
    assert guarded.post(ALERTMANAGER, data=FIRING, headers=headers).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_it_lets_no_page_of_another_origin_write(world, guarded, origin):
    for target in (world, guarded):
        headers = {"Origin": origin, "Host": "localhost", **bearer(INGEST)}
        assert_problem(target.post(ALERTMANAGER, data=FIRING, headers=headers), 403, "forbidden")


def test_it_lets_pages_of_its_own_write(world):
    headers = {"Origin": "http://localhost:9877", "Host": "localhost:9877"}
    assert world.post(ALERTMANAGER, data=FIRING, headers=headers).status_code == 200


def test_it_logs_who_showed_a_bad_token_in_a_line_of_bounded_length(guarded, caplog):
    caplog.set_level("INFO")
    headers = {**bearer("x" * 50_000), "User-Agent": "\x1b[2J"}
    assert (
        guarded.post(ALERTMANAGER, data=FIRING, headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code
        == 401
    )
    (line,) = [record for record in caplog.records if record.name == "service.web.problems"]
    assert line.client == "192.0.2.7"
    assert len(JsonFormatter().format(line)) < 800
    assert "xxx" not in caplog.text
