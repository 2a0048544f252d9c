"""Traces from Tempo and from Jaeger: which are asked for, as OTLP, and as trees that nothing breaks."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.clients.errors import RequestFailed
from service.clients.http import JsonApi
from service.evidence.clients.jaeger import Jaeger
from service.evidence.clients.tempo import Tempo, with_attribute
from service.evidence.sources import traces as module
from service.evidence.sources.span_tree import TraceSpan, spans_of, tree
from service.evidence.sources.traces import JaegerStore, TempoStore, TraceSource
from tests.evidence import jaeger, tempo
from tests.evidence.builders import at, evidence_window
from tests.evidence.bundle import bundle

A, B = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
ROOT, CHILD, LEAF = "00f067aa0ba902b7", "00f067aa0ba902b8", "00f067aa0ba902b9"
ERRORS = "{ status = error }"
FAILED = {"status": {"code": "STATUS_CODE_ERROR", "message": "timed out"}}
BATCHES = [
    tempo.batch("router", tempo.span(A, ROOT, name="POST /orders", took=412_000_000)),
    tempo.batch("risk", tempo.span(A, CHILD, ROOT, name="check", start=1_010_000_000, **FAILED)),
]


def collect(folder, server, *, query=ERRORS, limit=20, shared=None, **fields):
    client = JsonApi(server.url, timeout=timedelta(seconds=2))
    try:
        source = TraceSource([TempoStore(Tempo(client), query, "correlation_id")], limit)
        return bundle(folder, source, shared=shared, about=evidence_window(**fields))
    finally:
        client.close()


def collect_jaeger(folder, server, *, services=("router",), limit=20, shared=None):
    client = JsonApi(server.url, timeout=timedelta(seconds=2))
    try:
        return bundle(
            folder, TraceSource([JaegerStore(Jaeger(client), services, "correlation_id")], limit), shared=shared
        )
    finally:
        client.close()


@pytest.mark.parametrize("old", [False, True])
def test_it_keeps_each_trace_as_otlp_and_as_a_tree(tmp_path, old):
    with tempo.Tempo({A: BATCHES}, {ERRORS: [A]}, old=old) as server:
        box = collect(tmp_path, server)
    otlp = json.loads(box.texts[f"traces/tempo/{A}.otlp.json"])
    (span,) = otlp["resourceSpans"][1]["scopeSpans"][0]["spans"]
    assert (span["traceId"], span["spanId"], span["parentSpanId"]) == (A, CHILD, ROOT)
    assert box.texts[f"traces/tempo/{A}.txt"].decode() == (
        f"trace {A}: 2 spans of 2 services, 1 failed, from 1970-01-01T00:00:01.000Z, 412.000 ms\n"
        "  router: POST /orders  +0.000 ms  412.000 ms\n"
        "    risk: check  +10.000 ms  5.000 ms  ERROR timed out\n"
    )
    assert server.asked[0][1] == {"q": ERRORS, "start": "1795423500", "end": "1795429141", "limit": "20"}


def test_it_asks_for_what_the_logs_told_and_each_trace_once(tmp_path):
    by_id = with_attribute("correlation_id", 'c"1')
    with tempo.Tempo({A: BATCHES, B: BATCHES}, {ERRORS: [A], by_id: [A, B]}) as server:
        shared = {"correlation_id": ['c"1'], "trace_id": [B, A.upper(), "../../etc", "f" * 32]}
        box = collect(tmp_path, server, shared=shared)
    assert sorted(box.texts) == [
        f"traces/tempo/{trace_id}{end}" for trace_id in (B, A) for end in (".otlp.json", ".txt")
    ]
    assert box.source("traces")["complete"]
    assert box.file(f"traces/tempo/{B}.txt")["query"] == 'correlation_id c"1'
    assert not [path for path, *_ in server.asked if "etc" in path]


def test_it_marks_that_there_may_be_more_traces(tmp_path):
    with tempo.Tempo({A: BATCHES, B: BATCHES}, {ERRORS: [A, B]}) as server:
        assert "raise evidence.traces.limit" in collect(tmp_path, server, limit=1).failures("traces")[ERRORS]


def test_it_asks_for_so_many_ids_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_IDS", 1)
    with tempo.Tempo({}, {}) as server:
        box = collect(tmp_path, server, shared={"correlation_id": ["a", "b"]})
    assert box.failures("traces") == {"correlation_id": "the logs contain 2 different values; only 1 are looked up"}


def test_it_passes_on_the_error_of_tempo(tmp_path):
    with tempo.Tempo({}, {}) as server:
        assert (
            "400: invalid TraceQL query" in collect(tmp_path, server, query="nonsense").failures("traces")["nonsense"]
        )


@pytest.mark.parametrize("body", [[], {"traces": 1}])
def test_it_knows_what_is_no_tempo(body):
    with pytest.raises(RequestFailed, match="not from Tempo"):
        Tempo(Canned(body)).search("{}", at(0), at(1), 5)


def test_ids_of_tempo_that_are_none_are_left_out():
    assert Tempo(Canned({"traces": [{"traceID": "../x"}, 7, {"traceID": "ab"}]})).search("{}", at(0), at(1), 5) == [
        "ab"
    ]
    assert Tempo(Canned({})).search("{}", at(0), at(1), 5) == []


def test_what_has_not_the_form_of_a_trace_is_left_out():
    with pytest.raises(RequestFailed):
        Tempo(Canned([])).trace("ab")
    assert Tempo(Canned({"batches": []})).trace("ab") is None
    odd = {"batches": [7, {"instrumentationLibrarySpans": [{"spans": [{"spanId": "?"}, 7]}]}]}
    assert Tempo(Canned(odd)).trace("ab") == {"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "?"}]}]}]}


def test_an_error_of_tempo_is_no_missing_trace():
    class Broken:
        url = "http://x"

        def get(self, path, parameters=None):
            raise RequestFailed("answered 500", status=500)

    with pytest.raises(RequestFailed):
        Tempo(Broken()).trace("ab")
    with pytest.raises(RequestFailed):
        Jaeger(Broken()).trace("ab")


class Canned(JsonApi):
    url = "http://store.example"

    def __init__(self, body):
        self.body = body

    def get(self, path, parameters=None):
        return self.body


# --- Jaeger ---------------------------------------------------------------------------------------------------------


def microseconds(minutes):
    return int(at(minutes).timestamp() * 1_000_000)


TAGS = [
    {"key": "error", "type": "bool", "value": True},
    {"key": "http.status_code", "type": "int64", "value": 503},
    {"key": "ratio", "type": "float64", "value": 0.5},
    {"key": "correlation_id", "type": "string", "value": "c-1"},
]
FIRST = jaeger.trace(
    "ab1",
    jaeger.span("ab1", "1", name="POST", start=microseconds(1)),
    jaeger.span("ab1", "2", "1", name="check", start=microseconds(1) + 10, process="p2", tags=TAGS),
    services=("router", "risk"),
)
TWO = jaeger.trace("ab2", jaeger.span("ab2", "1", start=microseconds(-600)))


def test_it_reads_jaeger_into_the_same_form(tmp_path):
    with jaeger.Jaeger(FIRST, TWO) as server:
        box = collect_jaeger(tmp_path, server)
    assert sorted(box.texts) == [f"traces/jaeger/{'ab1'.zfill(32)}{end}" for end in (".otlp.json", ".txt")]
    otlp = json.loads(box.texts[f"traces/jaeger/{'ab1'.zfill(32)}.otlp.json"])
    risk = otlp["resourceSpans"][1]
    assert risk["resource"]["attributes"][0] == {"key": "service.name", "value": {"stringValue": "risk"}}
    (span,) = risk["scopeSpans"][0]["spans"]
    assert (span["parentSpanId"], span["status"]) == ("1", {"code": 2})
    assert [attribute["value"] for attribute in span["attributes"]] == [
        {"boolValue": True},
        {"intValue": "503"},
        {"doubleValue": 0.5},
        {"stringValue": "c-1"},
    ]
    assert "    risk: check  +0.010 ms  5.000 ms  ERROR" in box.texts[f"traces/jaeger/{'ab1'.zfill(32)}.txt"].decode()


def test_it_asks_jaeger_for_the_ids_of_the_logs(tmp_path):
    with jaeger.Jaeger(FIRST, TWO) as server:
        box = collect_jaeger(
            tmp_path,
            server,
            services=("risk",),
            shared={"correlation_id": ["c-1"], "trace_id": ["ab2".zfill(16), "f" * 32]},
        )
    assert [path for path in box.texts if path.endswith("ab2.txt")]
    assert server.asked[1][1]["tags"] == '{"correlation_id": "c-1"}'
    assert box.source("traces")["complete"]


def test_it_passes_on_the_error_of_jaeger(tmp_path):
    with jaeger.Jaeger(FIRST) as server:
        failures = collect_jaeger(tmp_path, server, services=("",)).failures("traces")
    assert "400: parameter 'service' is required" in failures["service "]


@pytest.mark.parametrize(
    "body", [[], {"data": 1}, {"data": None, "errors": ["no storage"]}, {"errors": [{"msg": "x"}]}]
)
def test_it_knows_what_is_no_answer_of_jaeger(body):
    with pytest.raises(RequestFailed):
        Jaeger(Canned(body)).trace("ab")


def test_references_that_are_no_parents_are_links():
    links = [{"refType": "FOLLOWS_FROM", "traceID": "x", "spanID": "9"}, {"refType": "CHILD_OF", "spanID": "1"}]
    logs = [{"timestamp": 5, "fields": [{"key": "event", "value": "retry"}]}]
    trace_json = {"traceID": "a", "spans": [jaeger.span("a", "2", references=links, logs=logs), 7], "processes": 7}
    (span,) = Jaeger(Canned({"data": [trace_json]})).trace("a")["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (span["parentSpanId"], span["links"]) == ("1", [{"traceId": "x", "spanId": "9"}])
    assert span["events"][0]["timeUnixNano"] == "5000"


# --- trees ----------------------------------------------------------------------------------------------------------


def spans(*pairs):
    return [
        TraceSpan(own, parent, "s", own, number * 1_000_000, number * 1_000_000 + 1)
        for number, (own, parent) in enumerate(pairs)
    ]


def test_spans_without_their_parents_are_shown():
    assert "its parent is not in the trace" in tree("t", spans(("a", ""), ("b", "gone")))


def test_circles_are_shown_once():
    drawn = tree("t", spans(("a", "b"), ("b", "a"), ("c", "c")))
    assert drawn.count("s: ") == 3
    assert drawn.count("a cycle") == 2


def test_a_trace_that_is_as_deep_as_can_be():
    drawn = tree("t", spans(*[(str(n), str(n - 1) if n else "") for n in range(5000)]))
    assert drawn.count("\n") == 5001


def test_names_are_one_short_line():
    (line,) = tree("t", [TraceSpan("a", "", "x\ny", "n" * 500, 0, 1)]).splitlines()[1:]
    assert ("x y: " in line, len(line) < 200) == (True, True)


def test_a_trace_without_spans_or_with_impossible_times_is_drawn():
    assert "0 spans" in tree("t", [])
    assert "an impossible time" in tree("t", [TraceSpan("a", "", "s", "n", 10**30, 10**30)])


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", *"abcdefg"])), max_size=12))
def test_every_span_is_drawn_once_whatever_its_parents(pairs):
    assert tree("t", spans(*pairs)).count("\n") == len(pairs) + 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceSpans", "scopeSpans", "spans", "resource", "attributes", "status", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(["resourceSpans"]), json_values))
def test_no_json_breaks_the_reading_of_spans(otlp):
    tree("t", spans_of(otlp))
