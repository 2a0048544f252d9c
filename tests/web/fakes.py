"""Stand-ins for what the web is given, and an application made of them."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from zoneinfo import ZoneInfo

from flask import Flask, Response

from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.incident_history import IncidentHistory
from service.evidence.collecting import CollectOptions, collect
from service.evidence.routes import EVIDENCE, add_routes
from service.evidence.sources.timeline import TimelineSource
from service.intake import lifecycle
from service.intake.alerts import AlertParseOptions
from service.recorder.commands import AppendEvent, Outcome, RecordEvents
from service.recorder.writer import Ticket
from service.store import StoreUnavailable
from service.store.bodies import BodyPage
from service.store.incidents import IncidentPage
from service.store.notices import Notices
from service.store.outstanding import OutstandingPage
from service.store.overview import OverdueCounts, Overview
from service.web import Services, install
from service.web.services import Extension
from tests.builders import event, incident_row, policy

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass
class FakeRecorder:
    """Keeps what is submitted. `error` is raised instead; `created` False plays a repeat."""

    commands: list = field(default_factory=list)
    error: Exception | None = None
    created: bool = True
    alive: bool = True
    has_room: bool = True
    outcomes: tuple | None = None

    def check_ready(self):
        if self.error is not None:
            raise self.error

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

    def enqueue(self, command, done):
        """Submit it in a thread, as the recorder has one."""

        def record():
            ticket = Ticket(command, done)
            try:
                ticket.outcomes = self.submit(command)
            except Exception as error:
                ticket.error = error
            done(ticket)

        Thread(target=record).start()


@dataclass
class FakeStore:
    """Holds records by id. `down` plays a database that does not answer."""

    records: dict = field(default_factory=dict)
    asked: dict = field(default_factory=dict)
    kept: dict = field(default_factory=dict)
    listed: IncidentPage | None = None
    due: Overview = field(default_factory=lambda: Overview((), {}, (), 0, (), 0))
    received: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    filtered: list = field(default_factory=list)
    noticed: Notices = field(default_factory=Notices)
    changes: list = field(default_factory=list)
    down: bool = False

    def read(self, query, *arguments, **named):
        """Answer a query with what the method of its name returns."""
        self.ping()
        return getattr(self, query.__name__)(*arguments, **named)

    def history_of(self, incident_id, policy):
        return self.records.get(incident_id)

    def histories_of(self, incident_ids, policy):
        return {i: self.records.get(i) or record(incident_id=i) for i in incident_ids}

    def incident_page(self, filter_, **page):
        self.asked = {"filter": filter_, **page}
        self.filtered.append(filter_.dimensions)
        return self.listed or IncidentPage(tuple(incident_row(i) for i in self.records), None, None)

    def detected_within(self, begins_at, ends_at, dimensions):
        return list(self.records)

    def bodies_of(self, incident_id, *, skip=0, limit):
        bodies = self.kept.get(incident_id, ())
        return BodyPage(tuple(bodies[skip : skip + limit]), skip + limit if len(bodies) > skip + limit else None)

    def distinct_values(self, label, limit):
        return self.values.get(label, [])

    def overview_of(self, policy, until, limit, open_limit, *, dimensions):
        self.filtered.append(dimensions)
        return self.due

    def overdue_counts(self, now, *, dimensions):
        return OverdueCounts(self.due.stages_count, self.due.actions_count)

    def last_received(self):
        return self.received

    def outstanding_page(self, *, skip, limit, dimensions):
        self.asked = {"skip": skip, "limit": limit}
        self.filtered.append(dimensions)
        rows = tuple((incident_row(i), None) for i in self.records)
        return OutstandingPage(rows[skip : skip + limit], len(rows))

    def changes_of(self, periods):
        return self.changes or [0] * len(periods)

    def notices_since(self, since):
        return self.noticed

    def ping(self):
        if self.down:
            raise StoreUnavailable("the store did not answer: disk I/O error")


class FakeEvidence:
    """Collects the timeline alone. `before` is called before that."""

    margin = timedelta(minutes=15)

    def __init__(self):
        self.windows = []
        self.before = lambda: None

    def collect(self, window, incident_data, target):
        self.windows.append(window)
        self.before()
        return collect(
            window, [TimelineSource(incident_data, None)], target, CollectOptions(version="1.2.3"), lambda: NOW
        )


class FakeCounters(Counter):
    """Counts by the name of the method and its labels."""

    def request(self, source):
        self["request", source] += 1

    def failure(self, source, reason):
        self["failure", source, reason] += 1

    def unreadable(self, source, field):
        self["unreadable", source, field] += 1

    def ignored(self, source, reason, count):
        self["ignored", source, reason] += count

    def rejected(self, source, reason, count):
        self["rejected", source, reason] += count

    def unmapped(self, source, count):
        self["unmapped", source] += count

    def started_at_unreadable(self, source, count):
        self["started_at_unreadable", source] += count

    def truncated(self, source, count):
        self["truncated", source] += count

    def received(self, source, at):
        self["received", source] = at

    def last_received(self):
        return {key[1]: at for key, at in self.items() if key[0] == "received"}


def record(*events, incident_id=1, episodes=(), merged_into=None):
    """A stored incident of these events; a detection at builder time 0 where there is nothing else."""
    events = events or (() if episodes else (event(EventKind.DETECTED),))
    target, opened_at = (
        merged_into or incident_id,
        min([*(e.occurred_at for e in events), *(e.starts_at for e in episodes)]),
    )
    return IncidentHistory(
        id=target,
        recorded=[(incident_id, e) for e in events],
        episodes=tuple(episodes),
        opened_at=dict.fromkeys((incident_id, target), opened_at),
        last_seen_at=NOW,
        policy=policy(),
    )


class World:
    """An application of fakes and its client."""

    def __init__(self, **services):
        self.recorder, self.store, self.counters = FakeRecorder(), FakeStore({1: record()}), FakeCounters()
        self.evidence = FakeEvidence()
        self.ids = iter(f"new-{n}" for n in range(1, 100))
        self.services = replace(
            Services(
                recorder=self.recorder,
                store=self.store,
                indicators=lambda window, now: [] if window == "30d" else None,
                breakdowns=lambda now: {},
                select=lambda selection, now: {"": []},
                exposition=lambda *_: (b"# EOF\n", {"Content-Type": "text/plain; version=0.0.4"}),
                counters=self.counters,
                clock=lambda: NOW,
                alerts=AlertParseOptions(),
                events=lifecycle.EventParseOptions(zone=TOKYO, new_id=lambda: next(self.ids)),
                policy=policy(),
                zone=TOKYO,
                extensions=(Extension(lambda bp, services: add_routes(bp, services, self.evidence), (EVIDENCE,)),),
            ),
            **services,
        )
        self.app = Flask("service", static_folder=None)
        install(self.app, self.services)
        self.client = self.app.test_client()
        self.get, self.post = self.client.get, self.client.post

    def call(self, environ):
        """Make a request of a WSGI environment, untouched."""
        return Response.from_app(self.app, environ)

    def failures(self):
        return {key[1:]: count for key, count in self.counters.items() if key[0] == "failure"}


def assert_problem(response, status, reason=None):
    """Check a problem document and return its detail."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    body = response.get_json()
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert body["status"] == status
    assert body["type"] == (f"urn:mttx-exporter:problem:{reason}" if reason else "about:blank")
    return body["detail"]
