"""A trace as a tree for people: who called whom, when, how long it took, and what failed. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LONGEST_NAME = 120
DEEPEST = 60
"""Deeper spans are drawn as deep as this."""


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One span; times in nanoseconds since 1970. `parent` is empty for a root."""

    span_id: str
    parent: str
    service: str
    name: str
    start: int
    end: int
    error: str | None = None


def spans_of(otlp: Mapping[str, Any]) -> list[TraceSpan]:
    """Return the spans of OTLP JSON, the earliest first; what is malformed is left out."""
    spans = []
    for resource in _objects(otlp.get("resourceSpans")):
        service = _service(resource.get("resource"))
        for scope in _objects(resource.get("scopeSpans")):
            spans += [_span(span, service) for span in _objects(scope.get("spans"))]
    return sorted(spans, key=lambda span: (span.start, span.span_id))


def tree(trace_id: str, spans: Sequence[TraceSpan]) -> str:
    """Draw every span once, whatever its parent is."""
    begin = min((span.start for span in spans), default=0)
    end = max((span.end for span in spans), default=0)
    failed = sum(span.error is not None for span in spans)
    services = len({span.service for span in spans})
    head = (
        f"trace {trace_id}: {len(spans)} spans of {services} services, {failed} failed, "
        f"from {_time(begin)}, {_milliseconds(end - begin)}"
    )
    lines = [_line(span, depth, begin, note) for span, depth, note in _walked(spans)]
    return "\n".join([head, *lines]) + "\n"


def _walked(spans: Sequence[TraceSpan]) -> Iterator[tuple[TraceSpan, int, str]]:
    """Yield every span with its depth, parents first, and a note if its parent is missing or it is in a cycle."""
    span_ids = {span.span_id for span in spans}
    children: dict[str, list[int]] = {}
    for number, span in enumerate(spans):
        children.setdefault(span.parent, []).append(number)
    roots = [(number, "") for number in children.get("", [])]
    roots += [
        (n, "  (its parent is not in the trace)") for n, s in enumerate(spans) if s.parent and s.parent not in span_ids
    ]
    done: set[int] = set()
    for number, note in sorted(roots):
        yield from _below(number, note, spans, children, done)
    for number in range(len(spans)):
        if number not in done:
            yield from _below(number, "  (its parents form a cycle)", spans, children, done)


def _below(
    number: int, note: str, spans: Sequence[TraceSpan], children: Mapping[str, Sequence[int]], done: set[int]
) -> Iterator[tuple[TraceSpan, int, str]]:
    waiting = [(number, 0, note)]
    while waiting:
        at, depth, note = waiting.pop()
        if at in done:
            continue
        done.add(at)
        yield spans[at], depth, note
        own = children.get(spans[at].span_id, ()) if spans[at].span_id else ()
        waiting += [(child, depth + 1, "") for child in reversed(own)]


def _line(span: TraceSpan, depth: int, begin: int, note: str) -> str:
    failed = f"  ERROR {span.error}".rstrip() if span.error is not None else ""
    took = f"+{_milliseconds(span.start - begin)}  {_milliseconds(span.end - span.start)}"
    return f"{'  ' * min(depth + 1, DEEPEST)}{_short(span.service)}: {_short(span.name)}  {took}{failed}{note}"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return (plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…") or "?"


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.3f} ms"


def _time(nanoseconds: int) -> str:
    try:
        at = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return "an impossible time"
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _service(resource: Any) -> str:
    attributes = _objects(resource.get("attributes")) if isinstance(resource, dict) else []
    for attribute in attributes:
        value = attribute.get("value")
        if attribute.get("key") == "service.name" and isinstance(value, dict):
            return str(value.get("stringValue", ""))
    return ""


def _span(span: Mapping[str, Any], service: str) -> TraceSpan:
    status = span.get("status")
    fields = status if isinstance(status, dict) else {}
    failed = fields.get("code") in (2, "STATUS_CODE_ERROR")
    return TraceSpan(
        span_id=str(span.get("spanId") or ""),
        parent=str(span.get("parentSpanId") or ""),
        service=service,
        name=str(span.get("name") or ""),
        start=_number(span.get("startTimeUnixNano")),
        end=_number(span.get("endTimeUnixNano")),
        error=_short(str(fields.get("message") or " ")).replace("?", "", 1) if failed else None,
    )


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _objects(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []
