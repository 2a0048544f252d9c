"""`mttx incident`: what it sends, what it prints, and how it fails."""

import csv
import io
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from click.testing import CliRunner
from requests_mock import ANY
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError

from service.cli import main
from service.cli.client import DEFAULT_URL
from service.domain.events import EventKind
from service.domain.policy import Milestone, Severity
from service.web import schemas
from service.web.timeline import timeline
from tests.builders import at, episode, event, policy
from tests.web.fakes import NOW, TOKYO, record

EVENTS = f"{DEFAULT_URL}/api/v1/incidents/INC-1/events"
INCIDENTS = f"{DEFAULT_URL}/api/v1/incidents"
POLICY = f"{DEFAULT_URL}/api/v1/policy"
RECORD = record(
    event("acknowledged", 4, event_id="e1"),
    event("role_assigned", 5, data={"role": "commander", "name": "Mori"}),
    event("note", 6, data={"text": "rolled \x1b[31mback"}),
    event("action_opened", 7, data={"action_id": "A-1", "title": "Alert on it"}),
    event("postmortem_drafted", 60),
    episodes=(episode(0, 30, annotations={"summary": "Checkout [bold]broken[/bold] \x1b[31m"}),),
)
SHOWN = json.loads(schemas.detail(RECORD, 1, policy(), NOW).model_dump_json())
TIMELINE = json.loads(timeline(RECORD, 1, policy(), TOKYO).model_dump_json())
CONNECTION = HTTPConnection("mttx.example")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("MTTX_URL", "MTTX_TOKEN", "MTTX_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service(requests_mock):
    """A service that accepts everything."""
    requests_mock.post(ANY, status_code=201, json=SHOWN)
    requests_mock.get(INCIDENTS, json={"incidents": [], "next": None})
    requests_mock.get(POLICY, json={"timezone": "Asia/Tokyo"})
    requests_mock.get(f"{INCIDENTS}/INC-1", json=SHOWN)
    requests_mock.get(f"{INCIDENTS}/INC-1/timeline", json=TIMELINE)
    return requests_mock


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["incident", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def sent(service):
    """The body of the one request, without the id that was made for it."""
    (request,) = service.request_history
    body = request.json()
    assert len(body.pop("event_id")) >= 2
    return body


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["ack", "INC-1"], {"kind": "acknowledged"}),
        (
            ["ack", "inc-1", "--at", "2026-11-24T03:04:05+09:00"],
            {"kind": "acknowledged", "occurred_at": "2026-11-23T18:04:05+00:00"},
        ),
        (["mitigate", "1"], {"kind": "mitigated"}),
        (["resolve", "INC-1"], {"kind": "resolved"}),
        (["resolve", "INC-1", "--automated"], {"kind": "resolved", "data": {"automated": True}}),
        (["resolve", "INC-1", "--reason", "rolled back"], {"kind": "resolved", "data": {"reason": "rolled back"}}),
        (["dismiss", "INC-1"], {"kind": "dismissed"}),
        (["dismiss", "INC-1", "--reason", "a test"], {"kind": "dismissed", "data": {"reason": "a test"}}),
        (["severity", "INC-1", "sev-1"], {"kind": "severity_changed", "severity": "SEV-1"}),
        (
            ["label", "INC-1", "team=payments", "service="],
            {"kind": "described", "labels": {"team": "payments", "service": ""}},
        ),
        (
            ["describe", "INC-1", "--title", "Orders", "--type", "data", "--domain", "Plan"],
            {"kind": "described", "title": "Orders", "types": ["data"], "domains": ["Plan"]},
        ),
        (
            ["assign", "INC-1", "commander", "Mori"],
            {"kind": "role_assigned", "data": {"role": "commander", "name": "Mori"}},
        ),
        (["reopen", "INC-1"], {"kind": "reopened"}),
        (["merge", "INC-1", "7"], {"kind": "merged", "data": {"into": "INC-7"}}),
        (["retract", "INC-1", "e1"], {"kind": "retracted", "data": {"event_id": "e1"}}),
        (["note", "INC-1", "rolled back"], {"kind": "note", "data": {"text": "rolled back"}}),
        (["note", "INC-1", "x", "--important"], {"kind": "note", "data": {"text": "x", "important": True}}),
        (
            ["correct", "INC-1", "resolved", "2026-11-23T18:04:05Z"],
            {"kind": "corrected", "data": {"milestone": "resolved", "occurred_at": "2026-11-23T18:04:05+00:00"}},
        ),
        (
            ["correct", "INC-1", "e1", "2026-11-23T18:04:05Z"],
            {"kind": "corrected", "data": {"event_id": "e1", "occurred_at": "2026-11-23T18:04:05+00:00"}},
        ),
    ],
)
def test_it_sends_an_event(service, arguments, body):
    assert run(*arguments).startswith("INC-1  SEV-2  ")
    assert service.last_request.url == EVENTS
    assert sent(service) == body


def test_it_opens_an_incident(service):
    options = ["--severity", "SEV-1", "--type", "data", "--type", "api", "--domain", "Do", "--label", "team=a=b"]
    run("open", "Orders stuck", "--started", "2026-11-23T18:00:00Z", "--at", "2026-11-23T18:10:00Z", *options)
    assert service.last_request.url == INCIDENTS
    assert sent(service) == {
        "title": "Orders stuck",
        "severity": "SEV-1",
        "started_at": "2026-11-23T18:00:00+00:00",
        "detected_at": "2026-11-23T18:10:00+00:00",
        "types": ["data", "api"],
        "domains": ["Do"],
        "labels": {"team": "a=b"},
    }


def test_it_sends_the_event_id_that_it_is_given_or_a_new_one(service):
    run("ack", "INC-1", "--event-id", "e7")
    run("ack", "INC-1")
    run("ack", "INC-1")
    ids = [request.json()["event_id"] for request in service.request_history]
    assert ids[0] == "e7"
    assert len(set(ids)) == 3


@pytest.mark.parametrize("age", ["10m", "10m ago", "600s"])
def test_it_takes_an_age_for_a_time(service, age):
    run("ack", "INC-1", "--at", age)
    ago = datetime.now(UTC) - datetime.fromisoformat(sent(service)["occurred_at"])
    assert timedelta(minutes=10) <= ago < timedelta(minutes=11)


@pytest.mark.parametrize(
    "arguments",
    [
        ["ack"],
        ["ack", "INC-x"],
        ["ack", "INC-0"],
        ["ack", "INC-1", "--at", "18:04"],
        ["ack", "INC-1", "--at", "2026-11-23T18:04:05"],
        ["ack", "INC-1", "--at", "0001-01-01T00:00:00+09:00"],
        ["ack", "INC-1", "--at", "yesterday"],
        ["severity", "INC-1", "critical"],
        ["assign", "INC-1", "king", "Mori"],
        ["open", "x", "--label", "team"],
        ["list", "--limit", "100001"],
        ["explode", "INC-1"],
    ],
)
def test_it_says_how_it_is_used(service, arguments):
    assert "Usage" in run(*arguments, code=2)
    assert service.request_history == []


# --- where and who --------------------------------------------------------------------------------------------------


def test_it_goes_to_the_configured_service_with_the_configured_token(service, monkeypatch, tmp_path):
    monkeypatch.setenv("MTTX_URL", "https://mttx.example/sub/")
    monkeypatch.setenv("MTTX_TOKEN", "secret")
    run("ack", "INC-1")
    assert service.last_request.url == "https://mttx.example/sub/api/v1/incidents/INC-1/events"
    assert service.last_request.headers["Authorization"] == "Bearer secret"


def test_it_reads_the_token_from_a_file(service, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("MTTX_TOKEN_FILE", str(tmp_path / "token"))
    run("ack", "INC-1")
    assert service.last_request.headers["Authorization"] == "Bearer from-a-file"


def test_it_keeps_to_its_token_whatever_netrc_says(service, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine mttx.example login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("MTTX_URL", "https://mttx.example")
    run("ack", "INC-1")
    assert "Authorization" not in service.last_request.headers


def test_it_says_what_is_wrong_with_its_environment(service, monkeypatch):
    monkeypatch.setenv("MTTX_TOKEN_FILE", "/nowhere/token")
    assert "MTTX_TOKEN_FILE" in run("ack", "INC-1", code=2)
    monkeypatch.setenv("MTTX_URL", "localhost:9877")
    assert "MTTX_URL" in run("ack", "INC-1", code=2)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_it_passes_on_the_error_of_the_service(requests_mock):
    problem = {"title": "Conflict", "status": 409, "detail": "INC-1 is dismissed; send reopened first", "errors": []}
    requests_mock.post(EVENTS, status_code=409, json=problem)
    assert "INC-1 is dismissed; send reopened first" in run("ack", "INC-1", code=1)


def test_it_says_how_to_give_a_token(requests_mock):
    requests_mock.post(EVENTS, status_code=401, json={"detail": "A token is needed."})
    assert "MTTX_TOKEN_FILE" in run("ack", "INC-1", code=1)


@pytest.mark.parametrize(("status", "text"), [(502, "<html>"), (200, "<html>"), (302, ""), (404, '["x"]')])
def test_it_says_that_something_else_answered(requests_mock, status, text):
    requests_mock.post(EVENTS, status_code=status, text=text)
    output = run("ack", "INC-1", code=1)
    assert str(status) in output
    assert "MTTX_URL" in output


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (requests.ConnectionError(NewConnectionError(CONNECTION, "refused")), "mttx serve"),
        (requests.ConnectionError(NameResolutionError("mttx", CONNECTION, OSError())), "cannot be resolved"),
        (requests.exceptions.SSLError("certificate has expired"), "TLS connection failed (certificate has expired)"),
        (requests.ReadTimeout, "safe to try again"),
        (requests.exceptions.InvalidURL("no host"), "no host"),
    ],
)
def test_it_says_what_went_wrong_on_the_way(requests_mock, error, problem):
    requests_mock.post(EVENTS, exc=error)
    assert problem in run("ack", "INC-1", code=1)


class Busy(BaseHTTPRequestHandler):
    """Answers 503 twice, hangs up once, then accepts."""

    seen: list

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(json.loads(body))
        if len(self.seen) == 3:
            self.close_connection = True
            return
        status = 503 if len(self.seen) < 3 else 201
        answer = json.dumps(SHOWN).encode()
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_it_tries_again_with_the_same_event_id(monkeypatch):
    seen = []
    handler = type("Handler", (Busy,), {"seen": seen})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        monkeypatch.setenv("MTTX_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        run("ack", "INC-1")
        server.shutdown()
        thread.join()
    assert len(seen) == 4
    assert len({body["event_id"] for body in seen}) == 1


# --- output ---------------------------------------------------------------------------------------------------------


def test_it_prints_json_for_scripts(service):
    for arguments in (["ack", "INC-1"], ["show", "INC-1"]):
        assert json.loads(run(*arguments, "--output", "json")) == SHOWN
    assert json.loads(run("list", "--output", "json")) == {"incidents": [], "next": None}


def test_it_shows_an_incident(service, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    output = run("show", "INC-1")
    for words_ in (
        "INC-1  SEV-2  resolved  Checkout [bold]broken[/bold]",
        "2026-03-02 18:00:00",  # Tokyo
        "time to resolve",
        "30m",
        "postmortem final",
        "overdue since 2026-03-05",
        "Mori",
        "A-1",
        "note: rolled",
        "CheckoutErrors firing",
        "e1",
    ):
        assert words_ in output
    assert "\x1b" not in output


def test_it_shows_which_sender_an_alert_is_of(service, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    named = record(episodes=(episode(0, 30, source="alertmanager@eu"), episode(1, 30, id=2)))
    body = json.loads(timeline(named, 1, policy(), TOKYO).model_dump_json())
    service.get(f"{INCIDENTS}/INC-1/timeline", json=body)
    lines = [line for line in run("show", "INC-1").splitlines() if "firing" in line]
    assert ["alertmanager@eu" in line for line in lines] == [True, False]


def test_it_shows_who_did_it_and_what_it_changed(service, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    corrected = {"milestone": "detected", "occurred_at": at(-2).isoformat()}
    detection = record(
        event(EventKind.SEVERITY_CHANGED, 2, severity=Severity.SEV_1, recorded_by="on-call"),
        event(EventKind.CORRECTED, 50, data=corrected, recorded_by="reviewer"),
        event(EventKind.DISMISSED, 60, data={"reason": "a game day"}, recorded_by="release-bot"),
        episodes=(episode(0, 30),),
    )
    service.get(f"{INCIDENTS}/INC-1", text=schemas.detail(detection, 1, policy(), NOW).model_dump_json())
    service.get(f"{INCIDENTS}/INC-1/timeline", text=timeline(detection, 1, policy(), TOKYO).model_dump_json())
    lines = run("show", "INC-1").splitlines()
    for words in (
        ("SEV-2 → SEV-1", "on-call"),
        ("detected 2026-03-02 18:00:00 → 2026-03-02 17:58:00", "reviewer"),
        ("dismissed: a game day", "release-bot"),
    ):
        assert any(all(word in line for word in words) for line in lines), words


def test_it_says_into_what_an_incident_was_merged(service):
    service.get(f"{INCIDENTS}/INC-1", json={**SHOWN, "merged_into": "INC-9"})
    assert "merged into INC-9" in run("show", "INC-1")


def test_it_asks_for_what_it_lists(service):
    run("list", "--open", "--phase", "detected", "--phase", "mitigated", "--severity", "SEV-1", "--limit", "5")
    (request,) = [r for r in service.request_history if r.path == "/api/v1/incidents"]
    assert request.qs == {
        "open": ["true"],
        "phase": ["detected", "mitigated"],
        "severity": ["sev-1"],
        "limit": ["5"],
    }


def test_it_exports_a_period_in_full_over_as_many_pages_as_it_takes(service, monkeypatch):
    monkeypatch.setattr("service.cli.incident.PAGE", 2)
    line = {
        "title": "=1+1",
        "severity": "SEV-2",
        "phase": "resolved",
        "milestones": {**dict.fromkeys(Milestone), "detected": "2026-10-02T00:00:00Z"},
        "dimensions": {"team": "payments"},
        "labels": {"a": "b"},
        "indicators": {"resolve": 60.5},
    }
    pages = [([9, 8], "/api/v1/incidents?cursor=8"), ([7], None)]
    service.get(
        INCIDENTS,
        [{"json": {"incidents": [{**line, "id": f"INC-{n}"} for n in ids], "next": next_}} for ids, next_ in pages],
    )
    output = run("list", "--from", "2026-10-01", "--to", "2026-11-01", "--output", "csv", "--limit", "3")
    first, *lines = csv.DictReader(io.StringIO(output))
    assert [first["id"], *(line["id"] for line in lines)] == ["INC-9", "INC-8", "INC-7"]
    assert first["title"] == "'=1+1"
    assert (first["team"], first["time_to_resolve_seconds"], first["time_to_detect_seconds"]) == (
        "payments",
        "60.5",
        "",
    )
    assert first["labels"] == '{"a": "b"}'
    asked = [request.qs for request in service.request_history]
    assert asked[0] == {"from": ["2026-10-01"], "to": ["2026-11-01"], "full": ["true"], "limit": ["2"]}
    assert asked[1] == {**asked[0], "limit": ["1"], "cursor": ["8"]}


def test_it_lists_incidents(service, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "No incidents." in run("list")
    line = {
        "id": "INC-1",
        "title": "Checkout [red]broken",
        "severity": Severity.SEV_2,
        "phase": "detected",
        "stale": True,
        "milestones": {**dict.fromkeys(Milestone), "detected": at(0).isoformat()},
        "dimensions": {"team": "payments", "service": ""},
    }
    service.get(INCIDENTS, json={"incidents": [line, {**line, "stale": False}], "next": "/api/v1/incidents?cursor=1"})
    output = run("list")
    assert "detected, stale" in output
    assert "Detected (Asia/Tokyo)" in output
    assert "Team" in output
    assert "payments" in output
    assert "Service" not in output, "no incident has one"
    assert "2026-03-02 18:00:00" in output
    assert "Checkout [red]broken" in output
    assert "There are more" in output


def test_a_meeting_records_all_that_it_discussed_at_once(service):
    run("review", "INC-1", "INC-4", "--at", "2026-03-09T01:00:00Z")
    sent_to = [(request.path.split("/")[-2], request.json()["kind"]) for request in service.request_history]
    assert sent_to == [("inc-1", "reviewed"), ("inc-4", "reviewed")]


def test_a_table_in_a_pipe_has_one_line_for_each_row(service):
    line = {
        "id": "INC-1",
        "title": "Checkout " * 40,
        "severity": Severity.SEV_2,
        "phase": "detected",
        "stale": False,
        "milestones": {**dict.fromkeys(Milestone), "detected": at(0).isoformat()},
        "dimensions": {"team": "payments", "service": ""},
    }
    service.get(INCIDENTS, json={"incidents": [line], "next": None})
    assert len(run("list").splitlines()) == 2
