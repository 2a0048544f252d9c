"""A database of every schema that ever was, with incidents under way, is opened by today's service, which goes on.

`databases/story/` has what the last version of each schema wrote of the story in `record.py`: one incident with a
postmortem and actions, one that a person resolved, an alert that fires, a dismissed one, and two that were merged.
The receivers had answered for the first two only. `samples` are the totals of that version's `/metrics`.
"""

import json
import re
import threading
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from service import web
from service.recorder.upkeep import refold
from service.settings.model import Settings
from service.settings.web_config import WebConfig
from service.store.refolding import count_outdated
from service.wiring.exporter import Exporter
from tests.grafana.loopback import Grafana
from tests.messages.loopback import Slack
from tests.real.storms import notification
from tests.store.earlier import DATABASES, fill, restore
from tests.store.record import DISK, TOTALS, is_total, settings

STORIES = sorted((DATABASES / "story").glob("*.json"))
PATHS = (
    "/",
    "/incidents?q=story",
    "/incidents/INC-1",
    "/incidents/INC-6",
    "/api/v1/incidents",
    "/api/v1/incidents/INC-1/timeline",
    "/api/v1/indicators",
    "/api/v1/postmortems",
    "/-/ready",
)
INCIDENT = re.compile(r"INC-[0-9]+")
MILESTONES = {
    1: {
        "detected": -300,
        "acknowledged": -290,
        "mitigated": -250,
        "resolved": -240,
        "drafted": -200,
        "finalized": -150,
    },
    2: {"started": -190, "detected": -180, "acknowledged": -100, "resolved": -100},
    3: {"detected": -60},
    4: {"detected": -50, "resolved": -46},
    5: {"detected": -30, "acknowledged": -25},
}
PHASES = {1: "resolved", 2: "resolved", 3: "detected", 4: "dismissed", 5: "acknowledged"}


@pytest.fixture(params=STORIES, ids=lambda path: path.stem)
def story(request):
    return json.loads(request.param.read_text(encoding="utf-8")) | {"schema": request.param.stem}


class Service:
    """Today's service on a database, ten minutes after the story; nothing happens in its threads."""

    def __init__(self, url, story, slack, grafana):
        self.began = datetime.fromisoformat(story["began"])
        self.now = self.at(10)
        configuration = settings(slack, grafana)
        for receiver in configuration["slack"], configuration["grafana"]:
            del receiver["timeout"]  # the machine may be busy for the second that was enough to record the story
        valid = Settings.model_validate({**configuration, "database_url": url})
        self.exporter = Exporter(valid, WebConfig(), lambda: self.now)
        self.store, self.recorder = self.exporter._store, self.exporter._recorder
        app = Flask("mttx-exporter", static_folder=None)
        web.install(app, self.exporter.services)
        self.client = app.test_client()

    def at(self, minutes):
        return self.began + timedelta(minutes=minutes)

    def get(self, path):
        answer = self.client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def totals(self):
        lines = (line for line in self.get("/metrics").text.splitlines(True) if line.startswith(TOTALS))
        samples = [sample for family in text_string_to_metric_families("".join(lines)) for sample in family.samples]
        return {(s.name, frozenset(s.labels.items())): s.value for s in samples if is_total(s.name)}

    def deliver(self):
        """Deliver what is due, as after a start."""
        for dispatcher in self.exporter._dispatchers:
            dispatcher.clock = lambda: self.now
            self.store.outbox.resume(dispatcher.receiver.name, self.now)
            dispatcher.prepare(self.now)
            while dispatcher.step():
                pass
            assert self.store.outbox.backlog(dispatcher.receiver.name, self.now).pending == 0


@pytest.mark.no_cover  # others cover it, and it is twice as many as there are schemas
def test_it_goes_on_where_the_version_of_then_stopped(story, database_url):
    fill(database_url, story["schema"], story["tables"])
    with Slack() as slack, Grafana() as grafana:
        restore(slack, grafana, story["receivers"])
        service = Service(database_url, story, slack, grafana)
        with closing(service.exporter):
            totals = grown(service, {(name, frozenset(labels.items())): n for name, labels, n in story["samples"]})
            refold(service.recorder, service.store, lambda: service.now, threading.Event())
            assert service.store.read(count_outdated) == 0
            check_incidents(service)
            service.deliver()
            check_sent_once(slack, grafana, story["receivers"])
            check_the_alert_continues(service)
            service.deliver()
            grown(service, totals)
            sent = dict(slack.messages), dict(grafana.annotations.rows)
            service.deliver()
            assert (slack.messages, grafana.annotations.rows) == sent


def grown(service, before):
    """Return the totals, none of which is less than before."""
    now = service.totals()
    assert {key: now.get(key, 0) for key, number in before.items() if now.get(key, 0) < number} == {}
    return now


def check_incidents(service):
    for path in PATHS:
        service.get(path)
    for number, minutes in MILESTONES.items():
        incident = service.get(f"/api/v1/incidents/INC-{number}").json
        reported = {name: datetime.fromisoformat(at) for name, at in incident["milestones"].items() if at}
        assert (incident["phase"], reported) == (
            PHASES[number],
            {name: service.at(minute) for name, minute in minutes.items()},
        )
    absorbed = service.get("/api/v1/incidents/INC-6").json
    assert (absorbed["merged_into"], absorbed["title"]) == ("INC-5", "Nobody can log in")
    postmortem = service.get("/api/v1/incidents/INC-1").json
    assert {action["action_id"]: action["state"] for action in postmortem["actions"]} == {
        "A1": "verified",
        "A2": "open",
    }


def check_sent_once(slack, grafana, before):
    """Every message and annotation exists once, those of then are as they were, and what waited is there."""
    assert {ts: slack.messages[ts]["text"] for ts in before["slack"]} == {
        ts: message["text"] for ts, message in before["slack"].items()
    }
    keys = Counter(message["metadata"]["event_payload"]["key"] for message in slack.messages.values())
    items = Counter(tag for row in grafana.annotated() for tag in row["tags"] if tag.startswith("mttx-item:"))
    assert set((keys | items).values()) == {1}
    announced = Counter(INCIDENT.findall(message["text"])[-1] for message in slack.messages.values())
    had_receivers = bool(before["slack"])
    assert announced == dict.fromkeys(("INC-1", "INC-2", "INC-3", "INC-5") if had_receivers else ("INC-3", "INC-5"), 1)
    regions = {tag for row in grafana.regions() for tag in row["tags"] if tag.startswith("incident:")}
    assert not had_receivers or {"incident:INC-3", "incident:INC-5"} <= regions


def check_the_alert_continues(service):
    for status, ends_at, phase in (("firing", None, "detected"), ("resolved", service.at(5), "resolved")):
        webhook = notification(DISK, status, service.at(-60), ends_at)
        answer = service.client.post("/webhooks/alertmanager", json=webhook)
        assert (answer.status_code, answer.json["incidents"]) == (200, [{"id": "INC-3", "phase": phase}])
