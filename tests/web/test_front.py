"""The front: bodies have one deadline before a request gets a thread, and no kind of request holds up another."""

import asyncio
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from service.intake.signatures import Signing
from service.intake.sources import Source
from service.settings.tokens import Token, digest
from service.web import front as front_module
from service.web.front import Front, environ_of
from service.web.lanes import Lanes, lane_sizes
from service.web.services import Sources
from tests.web.fakes import World
from tests.web.test_webhooks import ALERTMANAGER, FIRING

TOKEN = "ingest-token-12345"
GOOD = {"authorization": f"Bearer {TOKEN}"}
LIMIT = 100_000


class Headers(dict):
    """As Granian's: names in lower case."""


class Sender:
    """A request as Granian hands it over. `pieces` come one after the other; None stands for a sender that stalls."""

    def __init__(self, method, path, pieces=(), length=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if pieces and length is None:
            length = sum(map(len, filter(None, pieces)))
        if length == "chunked":
            headers["transfer-encoding"] = "chunked"
        elif length is not None:
            headers["content-length"] = str(length)
        self.scope = SimpleNamespace(
            method=method,
            path=path,
            query_string="",
            http_version="1.1",
            server="127.0.0.1:9877",
            client="127.0.0.1:50000",
            scheme="http",
            headers=Headers({"host": "127.0.0.1:9877", **headers}),
        )
        self.pieces = pieces
        self.read = False
        self.status = self.body = self.file = None

    async def __call__(self):
        return b"".join([piece async for piece in self])

    async def __aiter__(self):
        self.read = True
        for piece in self.pieces:
            if piece is None:
                await asyncio.sleep(60)
            await asyncio.sleep(0)
            yield piece

    def response_bytes(self, status, headers, body):
        self.status, self.headers, self.body = status, dict(headers), body

    def response_file(self, status, headers, path):
        self.status, self.headers, self.file = status, dict(headers), path


def send(front, *senders):
    """Have the front answer all senders at the same time."""

    async def together():
        front.__rsgi_init__(asyncio.get_running_loop())
        await asyncio.gather(*(front.__rsgi__(sender.scope, sender) for sender in senders))

    asyncio.run(asyncio.wait_for(together(), 20))
    return [sender.status for sender in senders]


def front_of(world, writers=2):
    return Front(
        world.app,
        Lanes(lane_sizes(writers, 2)),
        world.app.extensions["mttx.webhook_handler"],
        body_bytes=LIMIT,
    )


@pytest.fixture
def front(world):
    return front_of(world)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(front_module, "BODY_SECONDS", 0.2)


LARGE = b'{"version": "4", "groupKey": "' + b"x" * 20_000 + b'", "alerts": []}'


@pytest.mark.parametrize("length", [None, "chunked"])
def test_it_hands_over_whole_bodies(world, front, length):
    pieces = [FIRING[at : at + 100] for at in range(0, len(FIRING), 100)]
    assert send(front, Sender("POST", ALERTMANAGER, pieces, length)) == [200]
    assert world.recorder.commands[0].webhook.body == FIRING


def test_it_collects_a_large_body_piece_by_piece(world, front):
    sender = Sender("POST", ALERTMANAGER, [LARGE[:9_000], LARGE[9_000:]])
    send(front, sender)
    assert sender.status != 503
    assert world.counters["request", "alertmanager"] == 1


@pytest.mark.parametrize("length", [500, 50_000, "chunked"])
def test_it_answers_503_to_a_body_that_takes_too_long_and_counts_it(world, impatient, length):
    sender = Sender("POST", ALERTMANAGER, [b"{", None], length)
    assert send(front_of(world), sender) == [503]
    assert b"incomplete" in sender.body
    assert "Retry-After" in sender.headers
    assert world.failures() == {("alertmanager", "incomplete"): 1}
    assert world.counters["request", "alertmanager"] == 1


def test_it_takes_no_body_for_whole_that_ends_before_its_length(world, front):
    assert send(front, Sender("POST", ALERTMANAGER, [FIRING], len(FIRING) + 20_000)) == [503]
    assert world.recorder.commands == []


@pytest.mark.parametrize(("length", "read"), [(LIMIT + 1, False), ("chunked", True)])
def test_it_refuses_a_body_beyond_the_limit(world, front, length, read):
    sender = Sender("POST", ALERTMANAGER, [b"x" * 60_000, b"x" * 60_000], length)
    assert send(front, sender) == [413]
    assert sender.read is read
    assert world.failures() == {("alertmanager", "too_large"): 1}


def test_it_bounds_what_all_bodies_take_together_and_gives_it_back(world, monkeypatch):
    monkeypatch.setattr(front_module, "BUFFERED_BYTES", 0)
    front = front_of(world)  # room for four of the largest
    senders = [Sender("POST", ALERTMANAGER, [b"x" * 90_000, b"x"]) for _ in range(6)]
    assert sorted(send(front, *senders)) == [400] * 4 + [503] * 2
    assert send(front, *[Sender("POST", ALERTMANAGER, [b"x" * 90_000]) for _ in range(4)]) == [400] * 4


# --- who may not send is refused before the body is read ------------------------------------------------------------


@pytest.fixture
def guarded():
    return World(
        tokens=(Token("ingest", frozenset({"ingest"}), digest(TOKEN)),),
        sources=Sources(
            signings={
                Source.GRAFANA: Signing(secrets=(b"secret",), header="X-Grafana-Alerting-Signature"),
                Source.PAGERDUTY: Signing(secrets=(b"secret",), header="X-PagerDuty-Signature"),
            }
        ),
    )


@pytest.mark.parametrize(
    "path",
    [
        ALERTMANAGER,
        "/webhooks/grafana",
        "/webhooks/grafana/",
        "/webhooks/pagerduty",
        "/webhooks/lifecycle",
        "/webhooks/alertmanager-events",
        "/api/v1/incidents",
        "/api/v1/incidents/INC-1/events",
        "/incidents/INC-1",
    ],
)
def test_it_reads_no_body_without_a_token_or_a_signature(guarded, path):
    sender = Sender("POST", path, [b"{", None], 50)
    assert send(front_of(guarded), sender) == [401]
    assert not sender.read


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_it_reads_no_body_that_another_page_had_a_browser_send(world, front, headers):
    sender = Sender("POST", ALERTMANAGER, [b"{", None], 50, **headers)
    assert send(front, sender) == [403]
    assert not sender.read


def test_it_reads_the_body_where_there_is_a_token_or_a_signature(guarded):
    senders = [
        Sender("POST", ALERTMANAGER, [FIRING], **GOOD),
        Sender("POST", "/webhooks/grafana", [FIRING], x_grafana_alerting_signature="0" * 64),
    ]
    assert send(front_of(guarded), *senders) == [200, 401]
    assert senders[1].read


# --- no kind holds up another ---------------------------------------------------------------------------------------


@contextmanager
def held(world):
    """Have nothing be committed while the block runs; gives what says how many wait."""
    end, waiting = threading.Event(), threading.Semaphore(0)
    submit = world.recorder.submit

    def hold(command):
        waiting.release()
        end.wait(10)
        return submit(command)

    world.recorder.submit = hold
    try:
        yield end
    finally:
        end.set()


def test_it_answers_probes_scrapes_refusals_and_readers_while_every_writer_waits(world):
    front = front_of(world)

    async def attack():
        front.__rsgi_init__(asyncio.get_running_loop())
        stuck = [Sender("POST", ALERTMANAGER, [FIRING]) for _ in range(50)]
        waiting = [asyncio.ensure_future(front.__rsgi__(sender.scope, sender)) for sender in stuck]
        others = [Sender("GET", path) for path in ("/-/healthy", "/-/ready", "/metrics", "/", "/api/v1/incidents")]
        others.append(Sender("POST", ALERTMANAGER, [b"{"], LIMIT + 1))
        await asyncio.wait_for(asyncio.gather(*(front.__rsgi__(sender.scope, sender) for sender in others)), 5)
        assert [sender.status for sender in stuck] == [None] * 50
        end.set()
        await asyncio.gather(*waiting)
        return [sender.status for sender in others], {sender.status for sender in stuck}

    with held(world) as end:
        assert asyncio.run(attack()) == ([200, 200, 200, 200, 200, 413], {200})


def test_it_turns_away_who_waited_too_long_for_a_thread(world, monkeypatch):
    monkeypatch.setattr(front_module, "QUEUE_SECONDS", 0.2)
    front = front_of(world)
    with held(world) as end:
        threading.Timer(0.5, end.set).start()
        statuses = send(front, *[Sender("POST", ALERTMANAGER, [FIRING + b" " * 20_000]) for _ in range(20)])
    assert sorted(statuses) == [200] * 6 + [503] * 14
    assert world.failures() == {("alertmanager", "busy"): 14}


def test_it_has_the_bodies_that_are_under_way_end_when_the_service_stops(world, front, monkeypatch):
    monkeypatch.setattr(front_module, "HURRY_SECONDS", 0.1)
    sender = Sender("POST", ALERTMANAGER, [b"{", None], 50)
    threading.Timer(0.2, front.hurry).start()
    began = time.monotonic()
    assert send(front, sender) == [503]
    assert time.monotonic() - began < 5


# --- what the application is given, and what it answers -------------------------------------------------------------


def test_it_keeps_no_header_that_passes_for_another():
    sender = Sender("GET", "/%e3%81%82", cookie="a=1")
    sender.scope.headers |= {"x_request_id": "evil", "x-request-id": "good", "content-type": "text/plain"}
    environ = environ_of(sender.scope)
    assert environ["HTTP_X_REQUEST_ID"] == "good"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"


def test_it_joins_what_came_in_several_headers():
    sender = Sender("GET", "/")
    sender.scope.headers = SimpleNamespace(
        items=lambda: [("host", "x"), ("accept", "a"), ("accept", "b"), ("cookie", "c=1"), ("cookie", "d=2")]
    )
    environ = environ_of(sender.scope)
    assert environ["HTTP_ACCEPT"] == "a,b"
    assert environ["HTTP_COOKIE"] == "c=1;d=2"


def test_a_server_that_breaks_outside_of_the_application_goes_on(world):
    calls = []

    def broken(environ, start_response):
        calls.append(environ["PATH_INFO"])
        raise RuntimeError("out of luck")

    front = Front(broken, Lanes(lane_sizes(1, 1)), world.app.extensions["mttx.webhook_handler"], body_bytes=LIMIT)
    with suppress(RuntimeError):
        send(front, *[Sender("GET", "/-/healthy") for _ in range(3)])
    assert len(calls) == 3
