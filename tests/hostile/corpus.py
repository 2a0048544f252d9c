"""The bodies that mutations start from: payloads of the tests, golden stories, the pages' examples, our kinds."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from service.domain.events import EventKind
from service.intake.sources import WEBHOOK_SOURCES, webhook_path
from service.wiring.sources import shipped

TESTS = Path(__file__).parents[1]
PAYLOADS = TESTS / "payloads"
DOCS = TESTS.parent / "docs"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
OPENING = "/api/v1/incidents"
EVENTS = "/api/v1/incidents/INC-{number}/events"
"""The number is put in when the body is sent, so that events meet incidents of all kinds."""

AT = "2026-11-23T18:04:05Z"
DATA = {
    EventKind.ROLE_ASSIGNED: {"role": "commander", "name": "Ada"},
    EventKind.NOTE: {"text": "**What** <b>now</b>?", "important": True},
    EventKind.MERGED: {"into": "INC-1"},
    EventKind.RESOLVED: {"automated": True},
    EventKind.POSTMORTEM_DRAFTED: {"document": "https://example.com/pm/1.md"},
    EventKind.POSTMORTEM_FINALIZED: {"document": "pm/1.md"},
    EventKind.POSTMORTEM_CHECKED: {"checks": {"evidence": "passed", "actions": "failed"}, "document": "pm/1.md"},
    EventKind.ACTION_OPENED: {"action_id": "A-1", "title": "Fix", "action_type": "test", "due_at": "2026-12-01"},
    EventKind.ACTION_COMPLETED: {"action_id": "A-1"},
    EventKind.ACTION_VERIFIED: {"action_id": "A-1"},
    EventKind.CORRECTED: {"milestone": "detected", "occurred_at": AT},
    EventKind.RETRACTED: {"event_id": "seed-note"},
}


@dataclass(frozen=True, slots=True)
class Seed:
    """One body, and where it goes."""

    path: str
    body: bytes
    media_type: str = JSON


def bodies() -> list[Seed]:
    """Return all bodies, in a fixed order."""
    return [*_payloads(), *_stories(), *_examples(), *_kinds()]


def _payloads():
    for source in (*WEBHOOK_SOURCES, *shipped()):
        for file in sorted((PAYLOADS / source).rglob("*.json")):
            yield Seed(webhook_path(source), file.read_bytes())


def _stories():
    for file in sorted((PAYLOADS / "golden").glob("*.yaml")):
        for request in yaml.safe_load(file.read_text())["requests"]:
            yield Seed(request["path"], json.dumps(request["body"]).encode())


def _examples():
    for page in ("sources/lifecycle.md", "api.md"):
        for body in re.findall(r"-d '\s*(.+?)'", (DOCS / page).read_text(), re.DOTALL):
            path = "/webhooks/lifecycle" if "incident_key" in body else EVENTS if '"kind"' in body else OPENING
            yield Seed(path, body.encode())


def _kinds():
    """Yield an event of every kind, through both doors, and an incident with all that can be said of one."""
    for kind in EventKind:
        event = {"kind": kind, "occurred_at": AT, "event_id": f"seed-{kind}", "data": DATA.get(kind, {})}
        event |= {"severity": "SEV-1"} if kind is EventKind.SEVERITY_CHANGED else {}
        yield Seed(EVENTS, json.dumps(event).encode())
        values = event | {"incident_key": "jira-42", "event_id": f"hook-{kind}"}
        yield Seed("/webhooks/lifecycle", json.dumps([values] * 2).encode())
    about = {"title": "Checkout", "severity": "SEV-2", "types": ["data", "api"], "domains": ["Plan", "Sec"]}
    times = {"started_at": "2026-11-23T17:50:00+09:00", "detected_at": AT}
    yield Seed(OPENING, json.dumps({**about, **times, "labels": {"team": "a"}, "event_id": "seed-opened"}).encode())
