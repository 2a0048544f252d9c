"""How often one sender may ask, and what is answered to whoever asks more often."""

from functools import partial

import pytest

from service.web import edge, rate
from service.web.rate import Limiter, Rate, TooOften
from tests.web.fakes import World, assert_problem
from tests.web.test_auth import INGEST, READ, TOKENS, bearer
from tests.web.test_webhooks import ALERTMANAGER, FIRING

TIGHT = Rate(per_second=0.1, burst=2)
A, B = ("token", "a"), ("token", "b")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def held(clock, monkeypatch):
    """Hold the clock of a service's limiter: on a busy machine a second may pass between two requests."""
    monkeypatch.setattr(edge, "Limiter", partial(Limiter, clock=clock))


def test_it_takes_a_burst_and_then_the_rate(clock):
    limiter = Limiter(Rate(per_second=2, burst=3), clock)
    for _ in range(3):
        limiter.check(A)
    with pytest.raises(TooOften) as refused:
        limiter.check(A)
    assert refused.value.seconds == 1
    limiter.check(B)
    clock.now += 0.5
    limiter.check(A)
    with pytest.raises(TooOften):
        limiter.check(A)


def test_it_says_when_to_come_again(clock):
    limiter = Limiter(Rate(per_second=0.1, burst=1), clock)
    limiter.check(A)
    with pytest.raises(TooOften) as refused:
        limiter.check(A)
    assert refused.value.seconds == 10
    clock.now += 10
    limiter.check(A)


def test_a_quiet_sender_saves_no_more_than_a_burst(clock):
    limiter = Limiter(Rate(per_second=1, burst=2), clock)
    limiter.check(A)
    clock.now += 3600
    limiter.check(A)
    limiter.check(A)
    with pytest.raises(TooOften):
        limiter.check(A)


def test_it_keeps_a_bounded_number_of_senders(clock, monkeypatch):
    monkeypatch.setattr(rate, "MAX_SENDERS", 2)
    limiter = Limiter(Rate(per_second=1, burst=1), clock)
    for name in "abc":
        limiter.check(("address", name))
    limiter.check(("address", "a"))
    with pytest.raises(TooOften):
        limiter.check(("address", "c"))


@pytest.mark.usefixtures("held")
def test_it_answers_503_and_when_to_try_again_never_429_a1():
    world = World(tokens=TOKENS, rate=TIGHT)
    for _ in range(2):
        assert world.post(ALERTMANAGER, data=FIRING, headers=bearer(INGEST)).status_code == 200
    refused = world.post(ALERTMANAGER, data=FIRING, headers=bearer(INGEST))
    assert "limits.rate" in assert_problem(refused, 503, "rate")
    assert refused.headers["Retry-After"] == "10"
    assert len(world.recorder.commands) == 2
    assert world.failures() == {("alertmanager", "rate"): 1}
    assert world.counters["request", "alertmanager"] == 3


def test_every_token_has_its_own_and_the_guesses_of_an_address_share_one():
    world = World(tokens=TOKENS, rate=TIGHT)
    for guess in ("guess-a", "guess-b"):
        assert world.get("/api/v1/incidents", headers=bearer(guess)).status_code == 401
    assert_problem(world.get("/api/v1/incidents", headers=bearer("guess-c")), 503, "rate")
    assert world.get("/api/v1/incidents", headers=bearer(READ)).status_code == 200


@pytest.mark.usefixtures("held")
def test_a_page_says_it_as_a_page():
    world = World(rate=Rate(per_second=0.1, burst=1))
    assert world.get("/").status_code == 200
    refused = world.get("/")
    assert (refused.status_code, refused.mimetype, refused.headers["Retry-After"]) == (503, "text/html", "10")


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/openapi.json"])
def test_the_scrape_and_the_probes_are_never_refused(path):
    world = World(rate=Rate(per_second=0.1, burst=1))
    assert {world.get(path).status_code for _ in range(5)} == {200}
