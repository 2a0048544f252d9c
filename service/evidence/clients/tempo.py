"""The part of Tempo's HTTP API that is used: the traces of a time range, and each of them as OTLP JSON."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from service.clients.errors import RequestFailed
from service.clients.http import JsonApi

_ID = re.compile(r"[0-9a-fA-F]{1,32}")
_ID_KEYS = ("traceId", "spanId", "parentSpanId")
Otlp = dict[str, Any]


class Tempo:
    """Reads one Tempo. Every method raises RequestFailed."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def search(self, query: str, begin: datetime, end: datetime, limit: int) -> list[str]:
        """Return the ids of the traces that match a TraceQL query, `limit` of them at most."""
        parameters = {
            "q": query,
            "start": str(int(begin.timestamp())),
            "end": str(int(end.timestamp()) + 1),
            "limit": str(limit),
        }
        answer = self._api.get("/api/search", parameters)
        traces = answer.get("traces") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(traces or [], list):
            raise self._api.unexpected("the response is not from Tempo's API")
        ids = [trace.get("traceID") for trace in traces or [] if isinstance(trace, dict)]
        return [trace_id for trace_id in ids if isinstance(trace_id, str) and _ID.fullmatch(trace_id)]

    def trace(self, trace_id: str) -> Otlp | None:
        """Return a trace, or None if Tempo does not have it. Versions before 2.7 know only the older path."""
        for path in ("/api/v2/traces", "/api/traces"):
            try:
                answer = self._api.get(f"{path}/{trace_id}")
            except RequestFailed as error:
                if error.status != 404:
                    raise
            else:
                return self._otlp(answer)
        return None

    def _otlp(self, answer: Any) -> Otlp | None:
        trace = answer.get("trace", answer) if isinstance(answer, dict) else None
        if not isinstance(trace, dict):
            raise self._api.unexpected("the response is not from Tempo's API")
        spans = trace.get("resourceSpans", trace.get("batches", []))
        return {"resourceSpans": list(_with_hex_ids(spans))} if spans else None


def with_attribute(attribute: str, value: str) -> str:
    """Return the TraceQL query for the traces with a span that has an attribute."""
    return f"{{ .{attribute} = {json.dumps(value, ensure_ascii=False)} }}"


def _with_hex_ids(resources: Any) -> Iterator[Any]:
    """Yield the spans with ids in hex, as OTLP requires: Tempo returns base64, and older names of the list."""
    for resource in resources if isinstance(resources, list) else []:
        if not isinstance(resource, dict):
            continue
        scopes = resource.get("scopeSpans", resource.get("instrumentationLibrarySpans"))
        rest = {key: value for key, value in resource.items() if key != "instrumentationLibrarySpans"}
        yield rest | {"scopeSpans": [_hex_scope(scope) for scope in _objects(scopes)]}


def _hex_scope(scope: dict[str, Any]) -> dict[str, Any]:
    spans = [
        span | {key: _hex(span[key]) for key in _ID_KEYS if isinstance(span.get(key), str)}
        for span in _objects(scope.get("spans"))
    ]
    return scope | {"spans": spans}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _hex(span_id: str) -> str:
    if not span_id or (len(span_id) in (16, 32) and _ID.fullmatch(span_id)):
        return span_id.lower()
    try:
        return base64.b64decode(span_id, validate=True).hex()
    except (binascii.Error, ValueError):
        return span_id
