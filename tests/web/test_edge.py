"""What holds for every answer: problem documents, request ids, headers; the probes, the scrape and the landing page."""

import re
from html.parser import HTMLParser

import pytest

from service.recorder.commands import Busy
from service.store import StoreUnavailable
from tests.web.fakes import World, assert_problem


def test_it_answers_unknown_paths_and_methods_with_problems(world):
    assert_problem(world.get("/nowhere"), 404)
    response = world.get("/webhooks/alertmanager")
    assert_problem(response, 405)
    assert "POST" in response.headers["Allow"]
    assert world.failures() == {}


def test_it_keeps_a_request_id_that_is_safe(world):
    assert world.get("/", headers={"X-Request-ID": "abc-1.2_3"}).headers["X-Request-ID"] == "abc-1.2_3"


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", 'a"b', "é", None])
def test_it_makes_a_request_id_otherwise(world, sent):
    headers = {} if sent is None else {"X-Request-ID": sent}
    made = {world.get("/nowhere", headers=headers).headers["X-Request-ID"] for _ in range(2)}
    assert len(made) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", request_id) for request_id in made)


def test_it_logs_a_refusal_with_its_request_id_and_reason(world, caplog):
    caplog.set_level("INFO")
    world.post("/webhooks/alertmanager", data=b"{", headers={"X-Request-ID": "abc"})
    (line,) = caplog.records
    assert (line.request_id, line.source, line.reason, line.status) == ("abc", "alertmanager", "invalid_json", 400)


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1/incidents", "/metrics", "/openapi.json"])
def test_it_sends_the_headers_that_keep_browsers_from_guessing(world, path):
    headers = world.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


# --- probes ---------------------------------------------------------------------------------------------------------


def test_it_is_healthy_and_ready(world):
    assert world.get("/-/healthy").status_code == 200
    assert world.get("/-/ready").status_code == 200


def test_it_is_not_healthy_without_its_writer(world):
    world.recorder.alive = False
    assert_problem(world.get("/-/healthy"), 503, "busy")


@pytest.mark.parametrize(("error", "reason"), [(Busy("closing"), "busy"), (StoreUnavailable("disk full"), "store")])
def test_it_is_not_ready_while_nothing_can_be_recorded(world, error, reason):
    world.recorder.error = error
    assert world.get("/-/healthy").status_code == 200
    assert_problem(world.get("/-/ready"), 503, reason)


def test_it_is_healthy_but_not_ready_without_its_store(world):
    world.store.down = True
    assert world.get("/-/healthy").status_code == 200
    assert_problem(world.get("/-/ready"), 503, "store")


# --- the scrape -----------------------------------------------------------------------------------------------------


def test_it_hands_the_scrapes_headers_on():
    asked = []

    def exposition(accept, encoding, arrived):
        asked.append((accept, encoding))
        return b"\x1f\x8b", {"Content-Type": "application/openmetrics-text; version=1.0.0", "Content-Encoding": "gzip"}

    headers = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
    response = World(exposition=exposition).get("/metrics", headers=headers)
    assert asked == [("application/openmetrics-text", "gzip")]
    assert response.data == b"\x1f\x8b"
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.content_type == "application/openmetrics-text; version=1.0.0"


# --- the landing page -----------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects the tags, and the addresses that links point to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append(dict(attrs)["href"])


def test_it_shows_a_page_whose_links_all_work(world):
    response = world.get("/")
    assert response.content_type == "text/html; charset=utf-8"
    page = Page(response.text)
    assert ("html", {"lang": "en"}) in page.tags
    assert len(page.links) >= 5
    ids = {attributes.get("id") for _, attributes in page.tags}
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            assert world.get(link).status_code == 200


def test_its_page_runs_no_script_and_may_not_be_framed(world):
    policy = world.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
