"""A Tempo on a loopback port: search and traces, ids in base64 as it gives them, 404 for what it has not."""

import base64
import json
import re

from tests.evidence.loopback import Loopback, Refused


def b64(hexadecimal):
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def span(trace_id, span_id, parent="", *, name="op", start=1_000_000_000, took=5_000_000, **fields):
    span_ = {"traceId": b64(trace_id), "spanId": b64(span_id), "parentSpanId": b64(parent), "name": name}
    return span_ | {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + took)} | fields


def batch(service, *spans):
    attribute = {"key": "service.name", "value": {"stringValue": service}}
    return {"resource": {"attributes": [attribute]}, "scopeSpans": [{"spans": list(spans)}]}


class Tempo(Loopback):
    """`traces`: id → batches; `found`: TraceQL → ids. `old`: without the second version of the API."""

    def __init__(self, traces, results, *, old=False):
        self.traces = traces
        self.found = results
        self.old = old
        super().__init__()

    def answer(self, path, query, headers):
        if path == "/api/search":
            return self._search(query)
        match = re.fullmatch(r"/api/(v2/)?traces/([0-9a-f]+)", path)
        if not match or (match[1] and self.old) or match[2] not in self.traces:
            raise Refused(404, "trace not found\n")
        batches = json.loads(json.dumps(self.traces[match[2]]))
        return {"trace": {"resourceSpans": batches}, "metrics": {}} if match[1] else {"batches": batches}

    def _search(self, query):
        if int(query["end"]) < int(query["start"]):
            raise Refused(400, "invalid start: http parameter start must be before end\n")
        if not query["q"].startswith("{"):
            raise Refused(400, "invalid TraceQL query: parse error at line 1, col 1\n")
        ids = self.found.get(query["q"], [])[: int(query.get("limit", 20))]
        return {"traces": [{"traceID": trace_id, "rootServiceName": "x"} for trace_id in ids], "metrics": {}}
