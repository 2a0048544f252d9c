"""A Jaeger on a loopback port: its query service's own API, with the list of errors that it answers with."""

import json

from tests.evidence.loopback import Loopback, Refused


def refused(status, text):
    return Refused(
        status, {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": status, "msg": text}]}
    )


def span(trace_id, span_id, parent=None, *, name="op", start=1_000_000, took=5_000, process="p1", **fields):
    references = [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": parent}] if parent else []
    span_ = {"traceID": trace_id, "spanID": span_id, "operationName": name, "references": references}
    return span_ | {"startTime": start, "duration": took, "processID": process, "tags": [], "logs": []} | fields


def trace(trace_id, *spans, services=("router",)):
    processes = {f"p{number}": {"serviceName": name, "tags": []} for number, name in enumerate(services, 1)}
    return {"traceID": trace_id, "spans": list(spans), "processes": processes}


class Jaeger(Loopback):
    """`traces` as Jaeger keeps them. A trace is of every service of its processes."""

    def __init__(self, *traces):
        self.traces = traces
        super().__init__()

    def answer(self, path, query, headers):
        if path.startswith("/api/traces/"):
            matching = [trace_ for trace_ in self.traces if trace_["traceID"] == path.rpartition("/")[2].lstrip("0")]
            if not matching:
                raise refused(404, "trace not found")
            return {"data": matching, "errors": None}
        if "service" not in query:
            raise refused(400, "parameter 'service' is required")
        tags = json.loads(query.get("tags", "{}"))
        matching = [trace_ for trace_ in self.traces if self._is_of(trace_, query, tags)]
        return {"data": matching[: int(query.get("limit", 100))], "total": 0, "errors": None}

    @staticmethod
    def _is_of(trace_, query, tags):
        of = {process["serviceName"] for process in trace_["processes"].values()}
        within = any(int(query["start"]) <= span_["startTime"] <= int(query["end"]) for span_ in trace_["spans"])
        has = {tag["key"]: tag["value"] for span_ in trace_["spans"] for tag in span_["tags"]}
        return query["service"] in of and within and tags.items() <= has.items()
