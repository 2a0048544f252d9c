"""A Loki on a loopback port: query_range with its bounds, order, half-open stretch of time, and refusals."""

import re

from tests.evidence.loopback import Loopback, Refused


class Loki(Loopback):
    """Holds entries of (nanoseconds, labels, text). Selectors are `{name="value"}` with equalities only."""

    def __init__(self, entries=(), *, most=5000, tenant=None):
        self.entries = list(entries)
        self.most = most
        self.tenant = tenant
        self.busy = False
        super().__init__()

    def answer(self, path, query, headers):
        if path != "/loki/api/v1/query_range":
            raise Refused(404, "404 page not found\n")
        if self.tenant and headers.get("x-scope-orgid") != self.tenant:
            raise Refused(401, "no org id\n")
        if self.busy:
            raise Refused(429, "too many outstanding requests\n")
        limit = int(query.get("limit", 100))
        if limit > self.most:
            text = (
                f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {self.most})\n"
            )
            raise Refused(400, text)
        low, high = int(query["start"]), int(query["end"])
        if high < low:
            raise Refused(400, "end timestamp must not be before or equal to start time\n")
        if not query["query"].startswith("{"):
            return {"status": "success", "data": {"resultType": "matrix", "result": []}}
        selector = dict(re.findall(r'(\w+)="([^"]*)"', query["query"]))
        if not selector:
            raise Refused(400, "parse error at line 1, col 1: syntax error: unexpected }\n")
        matching = [entry for entry in self.entries if low <= entry[0] < high and selector.items() <= entry[1].items()]
        matching.sort(key=lambda entry: entry[0], reverse=query.get("direction", "backward") == "backward")
        streams = {}
        for at, labels, text in matching[:limit]:
            streams.setdefault(tuple(sorted(labels.items())), []).append([str(at), text])
        result = [{"stream": dict(labels), "values": values} for labels, values in streams.items()]
        return {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}
