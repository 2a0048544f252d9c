"""Webhooks on the event loop: answered and counted as by the application, and no thread waits for their commits."""

import asyncio
import json
import threading
from itertools import count
from types import SimpleNamespace

import pytest

from service.domain.incident import Phase
from service.intake.signatures import Signing
from service.intake.sources import Source
from service.recorder import writer
from service.recorder.commands import Busy, Conflict, Outcome
from service.settings.tokens import Token, digest
from service.store import StoreUnavailable
from service.web import webhook_handler
from service.web.deadlines import Deadlines
from service.web.rate import Rate
from service.web.services import Sources
from tests.web.fakes import World
from tests.web.test_front import Sender, front_of, held, send
from tests.web.test_webhooks import ALERTMANAGER, CORPUS, EVENT, FIRING, LIFECYCLE, firing

GOOD = "ingest-token-12345"
BODIES = sorted((CORPUS / "good").glob("*.json")) + sorted((CORPUS / "bad").glob("*"))
EVERY = {"x_request_id": "ours", "content_type": "application/json"}


def guarded():
    return World(
        tokens=(Token("pager", frozenset({"ingest"}), digest(GOOD), "team-a"),),
        sources=Sources(signings={Source.GRAFANA: Signing(secrets=(b"secret",), header="X-Signature")}),
    )


def by_both(build, method, path, body, *, prepare=lambda world: None, query="", **headers):
    """Send a request through the front and to the application; gives what each answers, records and counts."""
    answers = []
    for through_front in (True, False):
        world = build()
        prepare(world)
        if through_front:
            sender = Sender(method, path, [body] if body else [], **EVERY, **headers)
            sender.scope.query_string = query
            send(front_of(world), sender)
            status, content, given = sender.status, sender.body, sender.headers
        else:
            sent = {name.replace("_", "-"): value for name, value in {**EVERY, **headers}.items()}
            response = world.client.open(path, method=method, data=body, query_string=query, headers=sent)
            status, content, given = response.status_code, response.data, dict(list(response.headers))
        given = {name.lower(): value for name, value in given.items() if name.lower() != "content-length"}
        answers.append((status, content, given, world.recorder.commands, dict(world.counters)))
    return answers


@pytest.mark.parametrize("file", BODIES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_it_answers_every_body_as_the_application_does(file):
    direct, application = by_both(World, "POST", ALERTMANAGER, file.read_bytes())
    assert direct == application


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", ALERTMANAGER, FIRING, {}),
        ("POST", ALERTMANAGER, FIRING, {"authorization": "Bearer mistyped"}),
        ("POST", ALERTMANAGER, FIRING, {"authorization": f"Bearer {GOOD}"}),
        ("POST", ALERTMANAGER + "/", FIRING, {"authorization": f"Bearer {GOOD}"}),
        ("POST", ALERTMANAGER + "//", FIRING, {"authorization": f"Bearer {GOOD}"}),
        ("PUT", ALERTMANAGER, FIRING, {"authorization": f"Bearer {GOOD}"}),
        ("POST", ALERTMANAGER, FIRING, {"authorization": f"Bearer {GOOD}", "content_encoding": "gzip"}),
        ("POST", ALERTMANAGER, b"", {"authorization": f"Bearer {GOOD}"}),
        ("POST", LIFECYCLE, json.dumps(EVENT).encode(), {"authorization": f"Bearer {GOOD}"}),
        ("POST", "/webhooks/grafana", FIRING, {"authorization": f"Bearer {GOOD}"}),
        ("POST", "/webhooks/grafana", FIRING, {"x_signature": "0" * 64}),
        ("PUT", "/webhooks/grafana", FIRING, {"x_signature": "0" * 64}),
        ("POST", "/webhooks/alertmanager-events", b"[]", {"authorization": f"Bearer {GOOD}"}),
        ("POST", "/webhooks/nobody", FIRING, {"authorization": f"Bearer {GOOD}"}),
    ],
)
def test_it_lets_in_whom_the_application_lets_in(method, path, body, headers):
    direct, application = by_both(guarded, method, path, body, **headers)
    assert direct == application


@pytest.mark.parametrize("query", ["sender=team-b", "sender=", "sender=a%20b", "sender=a&sender=b", "other=1"])
def test_it_reads_the_sender_as_the_application_does(query):
    direct, application = by_both(guarded, "POST", ALERTMANAGER, FIRING, query=query, authorization=f"Bearer {GOOD}")
    assert direct == application


@pytest.mark.parametrize("error", [Busy("full"), Conflict("no"), StoreUnavailable("down"), RuntimeError("bug")])
@pytest.mark.parametrize("path", [ALERTMANAGER, LIFECYCLE, "/webhooks/pagerduty"])
def test_it_answers_what_the_recorder_raises_as_the_application_does(path, error):
    pagerduty = (CORPUS.parent / "pagerduty" / "good" / "triggered.json").read_bytes()
    body = {ALERTMANAGER: FIRING, LIFECYCLE: json.dumps(EVENT).encode()}.get(path, pagerduty)

    def fail(world):
        world.recorder.error = error

    direct, application = by_both(World, "POST", path, body, prepare=fail)
    assert direct == application


def test_it_records_the_neighbours_of_what_makes_the_sender_retry():
    ahead = json.dumps(firing({}, {"startsAt": "2030-01-01T00:00:00Z"})).encode()
    direct, application = by_both(World, "POST", ALERTMANAGER, ahead)
    assert direct == application
    assert direct[0] == 503
    assert len(direct[3]) == 1


def test_it_limits_the_rate_of_a_sender_and_counts_each_request_once():
    world = World(rate=Rate(per_second=0.01, burst=3))
    statuses = send(front_of(world), *[Sender("POST", ALERTMANAGER, [FIRING]) for _ in range(5)])
    assert sorted(statuses) == [200, 200, 200, 503, 503]
    assert world.counters["request", "alertmanager"] == 5
    assert world.failures() == {("alertmanager", "rate"): 2}


# --- waiting without a thread ---------------------------------------------------------------------------------------


def test_many_more_wait_for_commits_than_there_are_threads(world):
    with held(world) as end:
        threading.Timer(0.3, end.set).start()
        statuses = send(front_of(world, writers=2), *[Sender("POST", ALERTMANAGER, [FIRING]) for _ in range(200)])
    assert statuses == [200] * 200


def test_who_finds_half_the_queue_taken_waits_for_a_thread(world):
    world.recorder.has_room = False
    world.recorder.enqueue = None
    assert send(front_of(world), Sender("POST", ALERTMANAGER, [FIRING])) == [200]


def test_it_gives_up_on_a_commit_that_takes_too_long(world, monkeypatch):
    monkeypatch.setattr(webhook_handler, "COMMIT_TIMEOUT_SECONDS", 0.1)
    with held(world) as end:
        assert send(front_of(world), Sender("POST", ALERTMANAGER, [FIRING])) == [503]
        end.set()
    assert world.failures() == {("alertmanager", "store"): 1}


def test_the_tickets_of_one_commit_wake_the_event_loop_once(world):
    """Each answer is that of its own command, however many are done at the same time."""
    tickets, phases = [], count(1)
    world.recorder.enqueue = lambda command, done: tickets.append(writer.Ticket(command, done))
    senders = [Sender("POST", ALERTMANAGER, [FIRING]) for _ in range(20)]

    async def together():
        front = front_of(world)
        loop = asyncio.get_running_loop()
        front.__rsgi_init__(loop)
        answers = asyncio.gather(*(front.__rsgi__(sender.scope, sender) for sender in senders))
        while len(tickets) < 20:
            await asyncio.sleep(0.01)
        woken = []
        monitored = SimpleNamespace(call_soon_threadsafe=woken.append)
        world.app.extensions["mttx.webhook_handler"]._loop = monitored
        for ticket in tickets:
            ticket.outcomes = (Outcome(next(phases), Phase.DETECTED),)
            ticket.done(ticket)
        assert len(woken) == 1
        loop.call_soon(woken[0])
        await answers

    asyncio.run(asyncio.wait_for(together(), 20))
    ids = [json.loads(sender.body)["incidents"][0]["id"] for sender in senders]
    assert sorted(ids) == sorted(f"INC-{n}" for n in range(1, 21))


def test_a_commit_after_the_event_loop_is_closed_breaks_nothing(world):
    tickets = []
    world.recorder.enqueue = lambda command, done: tickets.append(writer.Ticket(command, done))
    front, sender = front_of(world), Sender("POST", ALERTMANAGER, [FIRING])

    async def leave():
        front.__rsgi_init__(asyncio.get_running_loop())
        request = asyncio.ensure_future(front.__rsgi__(sender.scope, sender))
        while not tickets:
            await asyncio.sleep(0.01)
        request.cancel()

    asyncio.run(leave())
    tickets[0].done(tickets[0])
    assert sender.status is None


# --- deadlines ------------------------------------------------------------------------------------------------------


def test_deadlines_expire_once_unless_they_are_cleared():
    expired = []

    async def wait():
        deadlines = Deadlines()
        early = deadlines.set(0.05, lambda: expired.append("early"))
        cleared = deadlines.set(0.05, lambda: expired.append("cleared"))
        deadlines.set(60, lambda: expired.append("shortened"))
        late = deadlines.set(60, lambda: expired.append("late"))
        assert deadlines.clear(cleared)
        await asyncio.sleep(0.4)
        assert not deadlines.clear(early)
        assert expired == ["early"]
        assert deadlines.clear(late)
        deadlines.hurry(0.05)
        await asyncio.sleep(0.4)
        deadlines.set(0.05, lambda: expired.append("after a pause"))
        await asyncio.sleep(0.4)

    asyncio.run(wait())
    assert expired == ["early", "shortened", "after a pause"]
