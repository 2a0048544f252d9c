"""Stand-ins for what the web is given, and an application made of them."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Flask, Response

from service.domain.incident import Phase, fold
from service.intake import alertmanager, lifecycle
from service.recorder.commands import AppendEvent, Outcome, RecordEvents, StoreUnavailable
from service.store.records import IncidentRecord, Page
from service.web import Parts, install
from tests.builders import event, policy

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass
class FakeRecorder:
    """Keeps what is submitted. `error` is raised instead; `created` False plays a repeat."""

    commands: list = field(default_factory=list)
    error: Exception | None = None
    created: bool = True
    alive: bool = True
    outcomes: tuple | None = None

    def submit(self, command):
        if self.error is not None:
            raise self.error
        self.commands.append(command)
        if self.outcomes is not None:
            return self.outcomes
        match command:
            case RecordEvents(events):
                return tuple(Outcome(1, Phase.DETECTED, self.created) for _ in events)
            case AppendEvent(incident_id):
                return (Outcome(incident_id, Phase.ACKNOWLEDGED, self.created),)
            case _:
                return (Outcome(1, Phase.DETECTED),)


@dataclass
class FakeStore:
    """Holds records by id. `down` plays a database that does not answer."""

    records: dict = field(default_factory=dict)
    page: Page = field(default_factory=lambda: Page((), None))
    asked: dict = field(default_factory=dict)
    down: bool = False

    def incident(self, incident_id):
        self.ping()
        return self.records.get(incident_id)

    def incidents(self, **asked):
        self.ping()
        self.asked = asked
        return self.page

    def ping(self):
        if self.down:
            raise StoreUnavailable("the store did not answer: disk I/O error")


class FakeTally(Counter):
    """Counts by the name of the method and its labels."""

    def request(self, source):
        self["request", source] += 1

    def failure(self, source, reason):
        self["failure", source, reason] += 1

    def ignored(self, source, reason, count):
        self["ignored", source, reason] += count

    def truncated(self, source, count):
        self["truncated", source] += count

    def heard(self, source, at):
        self["heard", source] = at


def record(*events, incident_id=1, episodes=(), merged_into=None):
    """A stored incident of these events; a detection at builder time 0 where there is nothing else."""
    events = events or (() if episodes else (event("detected"),))
    folded = fold(merged_into or incident_id, events, episodes, policy(), NOW)
    return IncidentRecord(folded, tuple(events), tuple(episodes), merged_into)


class World:
    """An application of fakes and its client."""

    def __init__(self, **parts):
        self.recorder, self.store, self.tally = FakeRecorder(), FakeStore({1: record()}), FakeTally()
        self.ids = iter(f"new-{n}" for n in range(1, 100))
        self.parts = replace(
            Parts(
                recorder=self.recorder,
                store=self.store,
                indicators=lambda window, now: [] if window == "30d" else None,
                exposition=lambda accept, encoding: (b"# EOF\n", {"Content-Type": "text/plain; version=0.0.4"}),
                tally=self.tally,
                clock=lambda: NOW,
                alerts=alertmanager.Reading(),
                events=lifecycle.Reading(zone=TOKYO, new_id=lambda: next(self.ids)),
                policy=policy(),
                zone=TOKYO,
            ),
            **parts,
        )
        self.app = Flask("service", static_folder=None)
        install(self.app, self.parts)
        self.client = self.app.test_client()
        self.get, self.post = self.client.get, self.client.post

    def call(self, environ):
        """Make a request of a WSGI environment, untouched."""
        return Response.from_app(self.app, environ)

    def failures(self):
        return {key[1:]: count for key, count in self.tally.items() if key[0] == "failure"}


def assert_problem(response, status, reason=None):
    """Check a problem document and return its detail."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    told = response.get_json()
    assert set(told) == {"type", "title", "status", "detail", "errors"}
    assert told["status"] == status
    assert told["type"] == (f"urn:mttx-exporter:problem:{reason}" if reason else "about:blank")
    return told["detail"]
