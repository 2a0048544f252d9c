"""The part that is used of the HTTP API behind Jaeger's own pages: the traces of a time range, as OTLP JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from service.clients.errors import RequestFailed
from service.clients.http import JsonApi

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Otlp = dict[str, Any]
_STATUS_ERROR = {"code": 2}


class Jaeger:
    """Reads one Jaeger. Every method raises RequestFailed."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def search(
        self, service: str, begin: datetime, end: datetime, limit: int, tags: Mapping[str, str] | None = None
    ) -> dict[str, Otlp]:
        """Return the traces of a service by their ids, `limit` of them at most; `tags`: those with all of them."""
        parameters = {
            "service": service,
            "start": str((begin - EPOCH) // timedelta(microseconds=1)),
            "end": str((end - EPOCH) // timedelta(microseconds=1)),
            "limit": str(limit),
        }
        if tags:
            parameters["tags"] = json.dumps(dict(tags), ensure_ascii=False)
        return self._traces(self._api.get("/api/traces", parameters))

    def trace(self, trace_id: str) -> Otlp | None:
        """Return a trace, or None if Jaeger does not have it."""
        try:
            traces = self._traces(self._api.get(f"/api/traces/{trace_id}"))
        except RequestFailed as error:
            if error.status == 404:
                return None
            raise
        return next(iter(traces.values()), None)

    def _traces(self, answer: Any) -> dict[str, Otlp]:
        if not isinstance(answer, dict) or not isinstance(answer.get("data") or [], list):
            raise self._api.unexpected("the response is not from Jaeger's API")
        if not answer.get("data") and answer.get("errors"):
            raise self._api.unexpected(_error_text(answer["errors"]))
        traces = [trace for trace in answer.get("data") or [] if isinstance(trace, dict)]
        return {str(trace.get("traceID", "")): otlp_of(trace) for trace in traces}


def otlp_of(trace: Mapping[str, Any]) -> Otlp:
    """Return one of Jaeger's traces as OTLP JSON: its processes are resources, its references parents and links."""
    processes = trace.get("processes") if isinstance(trace.get("processes"), dict) else {}
    by_process: dict[str, list[Otlp]] = {}
    for span in trace.get("spans") or []:
        if isinstance(span, dict):
            by_process.setdefault(str(span.get("processID", "")), []).append(_span(span))
    return {
        "resourceSpans": [
            {"resource": {"attributes": _resource((processes or {}).get(name))}, "scopeSpans": [{"spans": spans}]}
            for name, spans in sorted(by_process.items())
        ]
    }


def _resource(process: Any) -> list[Otlp]:
    fields = process if isinstance(process, dict) else {}
    name = {"key": "service.name", "value": {"stringValue": str(fields.get("serviceName", ""))}}
    return [name, *_attributes(fields.get("tags"))]


def _span(span: Mapping[str, Any]) -> Otlp:
    started = int(span.get("startTime") or 0) * 1000
    references = [reference for reference in span.get("references") or [] if isinstance(reference, dict)]
    parents = [reference for reference in references if reference.get("refType") == "CHILD_OF"]
    parent = next(iter(parents or references), {})
    otlp: Otlp = {
        "traceId": str(span.get("traceID", "")),
        "spanId": str(span.get("spanID", "")),
        "parentSpanId": str(parent.get("spanID", "")),
        "name": str(span.get("operationName", "")),
        "startTimeUnixNano": str(started),
        "endTimeUnixNano": str(started + int(span.get("duration") or 0) * 1000),
        "attributes": _attributes(span.get("tags")),
        "events": [_event(log) for log in span.get("logs") or [] if isinstance(log, dict)],
    }
    links = [reference for reference in references if reference is not parent]
    if links:
        otlp["links"] = [{"traceId": str(link.get("traceID")), "spanId": str(link.get("spanID"))} for link in links]
    if _is_error(span.get("tags")):
        otlp["status"] = _STATUS_ERROR
    return otlp


def _event(log: Mapping[str, Any]) -> Otlp:
    at = int(log.get("timestamp") or 0) * 1000
    return {"timeUnixNano": str(at), "name": "log", "attributes": _attributes(log.get("fields"))}


def _attributes(tags: Any) -> list[Otlp]:
    return [
        {"key": str(tag.get("key", "")), "value": _value(tag.get("value"))}
        for tag in (tags if isinstance(tags, list) else [])
        if isinstance(tag, dict)
    ]


def _value(value: Any) -> Otlp:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": str(value)}


def _is_error(tags: Any) -> bool:
    values = {str(tag.get("key")): tag.get("value") for tag in tags or [] if isinstance(tag, dict)}
    return values.get("error") in (True, "true") or str(values.get("otel.status_code", "")).upper() == "ERROR"


def _error_text(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else errors
    text = first.get("msg") if isinstance(first, dict) else first
    return str(text)[:300]
