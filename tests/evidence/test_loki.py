"""Loki, page by page: every line once, whatever the times are, or marked."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.clients.errors import RequestFailed
from service.clients.http import JsonApi
from service.evidence.clients.loki import Loki, nanoseconds
from service.evidence.sources.logs import LogSource, LokiLogs
from tests.evidence.builders import at, evidence_window
from tests.evidence.bundle import bundle
from tests.evidence.loki import Loki as LokiServer

SECOND = timedelta(seconds=1)
BEGIN, END = datetime(2026, 11, 23, 9, tzinfo=UTC), datetime(2026, 11, 23, 10, tzinfo=UTC)
LOW = nanoseconds(BEGIN)
APP = {"app": "router"}


class Answers(JsonApi):
    """Loki's API without a network: the loopback server's own answers."""

    url = "http://loki.example"

    def __init__(self, entries, shuffled=None):
        self.server = object.__new__(LokiServer)
        self.server.entries, self.server.most, self.server.tenant, self.server.busy = entries, 5000, None, False

    def get(self, path, parameters):
        return self.server.answer(path, parameters, {})


def read(entries, limit, *, backward=False):
    pages = list(Loki(Answers(entries), limit).lines('{app="router"}', BEGIN, END, backward=backward))
    lines = [(line.nanoseconds, dict(line.labels), line.text) for page in pages for line in page.lines]
    return lines, [page.lost_at for page in pages if page.lost_at is not None]


def counted(entries):
    return Counter((when, tuple(sorted(labels.items())), text) for when, labels, text in entries)


entries = st.lists(
    st.tuples(
        st.integers(0, 12).map(lambda step: LOW + step),
        st.sampled_from([APP, APP | {"pod": "a"}, {"app": "other"}]),
        st.sampled_from(["a", "b", "same"]),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(entries, st.integers(2, 9), st.booleans())
def test_every_line_comes_once_or_its_instant_is_marked(entries, limit, backward):
    expected = [entry for entry in entries if entry[1]["app"] == "router"]
    lines, lost = read(entries, limit, backward=backward)
    assert counted([line for line in lines if line[0] not in lost]) == counted(
        [w for w in expected if w[0] not in lost]
    )
    assert counted(lines) <= counted(expected)
    assert [line[0] for line in lines] == sorted((line[0] for line in lines), reverse=backward)
    at_once = Counter(entry[0] for entry in expected)
    assert all(at_once[instant] >= limit for instant in lost)


@pytest.mark.parametrize("backward", [False, True])
def test_it_goes_past_the_limit(backward):
    entries = [(LOW + number, APP, f"line {number}") for number in range(23)]
    lines, lost = read(entries, 5, backward=backward)
    assert ([text for *_, text in lines], lost) == ([f"line {n}" for n in sorted(range(23), reverse=backward)], [])


def test_it_reads_the_window_with_its_end_to_the_microsecond():
    end = nanoseconds(END)
    lines, _ = read([(when, APP, str(when)) for when in (LOW - 1, LOW, end, end + 1)], 5)
    assert [when for when, *_ in lines] == [LOW, end]


def test_it_marks_an_instant_with_more_lines_than_a_page_and_goes_on_behind_it():
    entries = [(LOW + 1, APP, f"same {number}") for number in range(7)] + [(LOW + 2, APP, "after")]
    lines, lost = read(entries, 3)
    assert (lost, lines[-1][2], len(lines)) == ([LOW + 1], "after", 4)


def api(server, **fields):
    return JsonApi(server.url, timeout=SECOND, **fields)


@pytest.fixture
def server():
    with LokiServer([(nanoseconds(at(number)), APP, f'{{"order_id": "O-{number}"}}') for number in range(5)]) as server:
        yield server


def collect(folder, server, queries, *, page=2, headers=None, **fields):
    client = api(server, headers=headers)
    try:
        return bundle(folder, LogSource([LokiLogs(Loki(client, page), queries)]), about=evidence_window(**fields))
    finally:
        client.close()


def test_it_writes_lines_with_their_labels_and_hands_on_ids(tmp_path, server):
    shared = {}
    from tests.evidence.builders import FakeSource

    client = api(server)
    logs = LogSource([LokiLogs(Loki(client, 2), {"router": '{app="{{ $labels.app }}"}'})])
    last = FakeSource("after", lambda _, box: shared.update(orders=box.shared("order_id")))
    box = bundle(tmp_path, logs, last, about=evidence_window(labels={"app": "router"}))
    client.close()
    text = box.texts["logs/loki/router.jsonl"].decode().splitlines()
    assert (
        text[0]
        == f'{{"ts": "{nanoseconds(at(0))}", "labels": {{"app": "router"}}, "line": "{{\\"order_id\\": \\"O-0\\"}}"}}'
    )
    assert len(text) == 5
    assert shared["orders"] == {f"O-{number}" for number in range(5)}
    assert box.file("logs/loki/router.jsonl")["query"] == '{app="router"}'
    assert box.file("logs/loki/router.jsonl")["notes"] == {"lines": 5}


def test_a_label_cannot_leave_its_quotes(tmp_path, server):
    collect(tmp_path, server, {"x": '{app="{{ $labels.app }}"}'}, labels={"app": 'a"} or {app="b'})
    assert server.asked[0][1]["query"] == '{app="a\\"} or {app=\\"b"}'


def test_it_says_what_loki_said_and_goes_on(tmp_path, server):
    server.most = 1
    box = collect(tmp_path, server, {"a": '{app="router"}', "b": '{app="{{ $labels.nowhere }}"}'})
    failures = box.failures("logs")
    assert "400: max entries limit per query exceeded" in failures["a"]
    assert "no label nowhere" in failures["b"]


def test_it_says_that_loki_has_too_much_to_do(tmp_path, server):
    server.busy = True
    assert (
        "429: too many outstanding requests" in collect(tmp_path, server, {"a": '{app="router"}'}).failures("logs")["a"]
    )


def test_it_names_the_tenant(tmp_path, server):
    server.tenant = "team-a"
    box = collect(tmp_path / "with", server, {"a": '{app="router"}'}, headers={"X-Scope-OrgID": "team-a"})
    assert box.source("logs")["complete"]
    assert "401: no org id" in collect(tmp_path / "without", server, {"a": '{app="router"}'}).failures("logs")["a"]


def test_it_refuses_a_query_for_numbers(tmp_path, server):
    assert "returns numbers" in collect(tmp_path, server, {"a": "rate({app=1}[5m])"}).failures("logs")["a"]


def test_it_marks_what_is_cut_off(tmp_path, server):
    server.entries = [(nanoseconds(at(1)), APP, str(number)) for number in range(9)]
    box = collect(tmp_path, server, {"a": '{app="router"}'}, page=3)
    (reason,) = box.file("logs/loki/a.jsonl")["truncated"]
    assert "raise evidence.logs.loki.page" in reason


def test_it_stops_asking_when_its_bound_is_reached(tmp_path, server):
    server.entries = [(nanoseconds(at(1)) + n, APP, "x" * 1000) for n in range(300)]
    client = api(server)
    logs = LogSource([LokiLogs(Loki(client, 10), {"a": '{app="router"}'})])
    box = bundle(tmp_path, logs, max_bytes=2000)
    client.close()
    assert box.file("logs/loki/a.jsonl")["size"] <= 2000
    assert box.file("logs/loki/a.jsonl")["truncated"]


@pytest.mark.parametrize("body", [[], {"data": 1}, {"data": {"resultType": "streams", "result": [{"stream": 1}]}}])
def test_it_knows_what_is_no_loki(body):
    class Other(JsonApi):
        def get(self, path, parameters):
            return body

    with pytest.raises(RequestFailed):
        list(Loki(Other("http://x", timeout=SECOND), 5).lines("{}", BEGIN, END))


def test_it_says_that_nobody_answers(tmp_path, server):
    client = JsonApi("http://127.0.0.1:9", timeout=SECOND)
    box = bundle(tmp_path, LogSource([LokiLogs(Loki(client, 5), {"a": "{}"})]))
    client.close()
    assert "Connection refused" in box.failures("logs")["a"]
