"""docs/from-opsgenie.md, followed to its end: a stand-in of Opsgenie's API, the page's own commands, and both ways on.

The stand-in answers as the exported samples do; what it lists is an hour old, so that open alerts are still open.
"""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from service import app as composition
from service.app import create_app
from service.settings.sources import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "from-opsgenie.md").read_text()
SHELL = re.findall(r"```sh\n(.+?)```", PAGE, re.DOTALL)
YAML = re.search(r"```yaml\n(.+?)```", PAGE, re.DOTALL)[1]
NOW = datetime.now(UTC).replace(microsecond=0)
OPENED = NOW - timedelta(hours=1)
GROUP_KEY = '{}:{alertname="CheckoutSlow"}'
ALIAS = sha256(GROUP_KEY.encode()).hexdigest()


def alert(number, **more):
    """Return an alert as Opsgenie lists it."""
    return {
        "id": f"70413a06-38d6-4c85-92b8-00000000000{number}",
        "tinyId": str(number),
        "alias": f"event_{number}",
        "message": f"Alert {number}",
        "status": "open",
        "acknowledged": False,
        "createdAt": (OPENED + timedelta(minutes=number)).isoformat().replace("+00:00", "Z"),
        "updatedAt": NOW.isoformat().replace("+00:00", "Z"),
        "source": "Isengard",
        "owner": "ada@example.com",
        "responders": [{"type": "user", "id": "4513b7ea", "name": "ada@example.com"}],
        "priority": "P1",
        **more,
    }


CLOSED = {
    "ackTime": 300_000,
    "closeTime": 1_200_000,
    "acknowledgedBy": "ada@example.com",
    "closedBy": "ada@example.com",
}
PAGES = [
    [alert(1, status="closed", report=CLOSED), alert(2, alias=ALIAS)],
    [alert(3, report={"ackTime": 60_000, "acknowledgedBy": "System"})],
]
NOTES = {PAGES[0][0]["id"]: [{"note": "It is the cache", "owner": "ada@example.com", "createdAt": OPENED.isoformat()}]}


class Opsgenie(BaseHTTPRequestHandler):
    """The part of the API that the page uses."""

    def do_GET(self):
        parts = urlsplit(self.path)
        if self.headers["Authorization"] != "GenieKey the-key":
            self.send_error(403)
            return
        if parts.path.endswith("/notes"):
            body = {"data": NOTES.get(parts.path.split("/")[-2], [])}
        else:
            number = 1 if "offset=100" in parts.query else 0
            here = f"http://{self.headers['Host']}/v2/alerts?limit=100"
            body = {
                "data": PAGES[number],
                "paging": {"first": here} | ({} if number else {"next": f"{here}&offset=100"}),
            }
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def opsgenie():
    with ThreadingHTTPServer(("127.0.0.1", 0), Opsgenie) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def followed(opsgenie, tmp_path_factory, require):
    """Give the folder in which the page was followed, and what its commands printed."""
    require("jq")
    require("curl")
    folder = tmp_path_factory.mktemp("opsgenie")
    (folder / "mttx.yml").write_text(f"{YAML}database_url: sqlite:///{folder / 'mttx.db'}\ndisplay_timezone: UTC\n")
    (folder / "webhook.json").write_text(json.dumps(webhook("Close")))
    command = folder / "bin" / "mttx"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
    command.chmod(0o755)
    script = "set -e\n" + "\n".join(SHELL).replace("https://api.opsgenie.com", opsgenie)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MTTX_")}
    environ |= {"PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder, done.stdout


def webhook(action, number=2, minutes=50, user="ada@example.com"):
    """Return a body that Jira Service Management sends about an exported alert."""
    exported = PAGES[0][1] if number == 2 else PAGES[1][0]
    created = datetime.fromisoformat(exported["createdAt"])
    return {
        "action": action,
        "alert": {
            "alertId": exported["id"],
            "alias": exported["alias"],
            "message": exported["message"],
            "priority": exported["priority"],
            "username": user,
            "createdAt": int(created.timestamp() * 1000),
            "updatedAt": int((OPENED + timedelta(minutes=minutes)).timestamp() * 10**9),
        },
        "integrationName": "mttx",
    }


@pytest.fixture
def client(followed, monkeypatch):
    """Give a client of the service on what was imported."""
    monkeypatch.setattr(composition.logs, "configure", lambda level: None)
    monkeypatch.setattr(composition.atexit, "register", lambda function: None)
    app = create_app(load(followed[0] / "mttx.yml", {}))
    yield app.test_client()
    app.extensions["mttx.shut_down"]()


def incidents(client):
    """Return all incidents by title."""
    listed = client.get("/api/v1/incidents").get_json()["incidents"]
    whole = [client.get(f"/api/v1/incidents/{incident['id']}").get_json() for incident in listed]
    return {incident["title"]: incident for incident in whole}


def test_every_alert_is_imported_with_its_acknowledgement_end_and_notes(followed, client):
    assert "3 new" in followed[1]
    imported = incidents(client)
    assert set(imported) == {"Alert 1", "Alert 2", "Alert 3"}
    closed = imported["Alert 1"]
    assert (closed["phase"], closed["severity"], closed["resolution_source"]) == ("resolved", "SEV-1", "human")
    assert closed["indicators"] == {**closed["indicators"], "acknowledge": 300, "resolve": 1200}
    assert [event["data"]["text"] for event in closed["events"] if event["kind"] == "note"] == ["It is the cache"]
    assert imported["Alert 3"]["milestones"]["acknowledged"] is None
    assert "ada" not in json.dumps(imported)


def test_the_test_of_a_body_shows_the_exported_id(followed):
    assert PAGES[0][1]["id"] in followed[1].splitlines()[-1]


def test_the_live_source_goes_on_with_the_imported_incident(client):
    before = incidents(client)["Alert 3"]
    for action, minutes in (("Acknowledge", 40), ("Close", 50)):
        response = client.post("/webhooks/x/opsgenie", json=webhook(action, number=3, minutes=minutes))
        assert [incident["id"] for incident in response.get_json()["incidents"]] == [before["id"]]
    after = incidents(client)["Alert 3"]
    assert (after["phase"], after["resolution_source"]) == ("resolved", "human")
    assert after["indicators"]["acknowledge"] == (40 - 3) * 60
    assert len(incidents(client)) == 3


def test_alertmanager_goes_on_with_the_imported_incident_of_its_group(client):
    before = incidents(client)["Alert 2"]
    body = {
        "version": "4",
        "groupKey": GROUP_KEY,
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "CheckoutSlow", "severity": "critical"},
                "annotations": {},
                "startsAt": (OPENED + timedelta(minutes=1)).isoformat(),
                "endsAt": "0001-01-01T00:00:00Z",
            }
        ],
    }
    response = client.post("/webhooks/alertmanager", json=body)
    assert [incident["id"] for incident in response.get_json()["incidents"]] == [before["id"]]
    assert len(incidents(client)) == 3
