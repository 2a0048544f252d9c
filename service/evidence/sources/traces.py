"""Traces of the window and of the ids that the logs tell, each as OTLP JSON and as a tree that people read."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from service.clients.json_api import RequestFailed
from service.evidence.clients.jaeger import Jaeger
from service.evidence.clients.tempo import Tempo, named
from service.evidence.source import Box, SourceFailed, with_incident_labels
from service.evidence.sources.span_tree import spans_of, tree
from service.evidence.subject import Subject

MOST_IDS = 100
"""How many correlation ids, and how many trace ids, of the logs are asked for; each is a request."""
_TRACE_ID = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{32}")
Otlp = Mapping[str, Any]
Found = Iterator[tuple[str, Otlp]]


class Store(Protocol):
    """Where traces are kept. Every method raises RequestFailed or SourceFailed, at once or while it is gone through."""

    name: str

    def searches(self, subject: Subject, limit: int) -> Iterator[tuple[str, Callable[[], Found], int]]:
        """Yield what to look for in the window: its name, the search, and how many traces it may find."""

    def correlated(self, correlation_id: str, subject: Subject, limit: int) -> Found:
        """Yield the traces with a span that has a correlation id."""

    def trace(self, trace_id: str) -> Otlp | None:
        """Return one trace, None where there is none."""


class Traces:
    """Asks each store. A search that fails leaves the others alone."""

    name = "traces"

    def __init__(self, stores: Sequence[Store], limit: int) -> None:
        self._stores = stores
        self._limit = limit

    def collect(self, subject: Subject, box: Box) -> None:
        """Write each trace once."""
        correlation = _most("correlation_id", box)
        traces = [one.lower().zfill(32) for one in _most("trace_id", box) if _TRACE_ID.fullmatch(one)]
        for store in self._stores:
            done: set[str] = set()
            for what, search, most in store.searches(subject, self._limit):
                if _written(store, what, search, done, box) >= most:
                    box.failed(
                        what, f"found {most} traces or more, no more were asked for; raise evidence.traces.limit"
                    )
            for one in correlation:
                self._correlated(store, one, subject, done, box)
            for one in traces:
                if one not in done:
                    _written(store, f"trace {one}", partial(_by_id, store, one), done, box)

    def _correlated(self, store: Store, one: str, subject: Subject, done: set[str], box: Box) -> None:
        _written(store, f"correlation_id {one}", partial(store.correlated, one, subject, self._limit), done, box)


def _most(name: str, box: Box) -> list[str]:
    """Return ids that the logs told, the first of them by name where there are too many."""
    found = sorted(box.looked_up(name))
    if len(found) > MOST_IDS:
        box.failed(name, f"the logs have {len(found)} of them; only {MOST_IDS} are looked up")
    return found[:MOST_IDS]


def _by_id(store: Store, trace_id: str) -> Found:
    trace = store.trace(trace_id)
    if trace is not None:
        yield trace_id, trace


def _written(store: Store, what: str, search: Callable[[], Found], done: set[str], box: Box) -> int:
    """Write what a search finds, and return how many traces that were."""
    number = 0
    try:
        for trace_id, trace in search():
            number += 1
            if trace_id not in done:
                done.add(trace_id)
                _write(store.name, what, trace_id, trace, box)
    except (RequestFailed, SourceFailed) as error:
        box.failed(what, str(error))
    return number


def _write(store: str, what: str, trace_id: str, trace: Otlp, box: Box) -> None:
    with box.text(f"{store}/{trace_id}.otlp.json", query=what) as file:
        file.write((json.dumps(trace, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace"))
    with box.text(f"{store}/{trace_id}.txt", query=what) as file:
        file.write(tree(trace_id, spans_of(trace)).encode("utf-8", "backslashreplace"))


class TempoStore:
    """Traces in Tempo."""

    name = "tempo"

    def __init__(self, tempo: Tempo, query: str, attribute: str) -> None:
        self._tempo = tempo
        self._query = query
        self._attribute = attribute

    def searches(self, subject: Subject, limit: int) -> Iterator[tuple[str, Callable[[], Found], int]]:
        """Yield the one query that is configured."""

        def search() -> Found:
            query = with_incident_labels(self._query, subject)
            yield from self._search(query, subject, limit)

        yield self._query, search, limit

    def correlated(self, correlation_id: str, subject: Subject, limit: int) -> Found:
        """Yield the traces with a span that has the attribute."""
        yield from self._search(named(self._attribute, correlation_id), subject, limit)

    def trace(self, trace_id: str) -> Otlp | None:
        """Return one trace."""
        return self._tempo.trace(trace_id)

    def _search(self, query: str, subject: Subject, limit: int) -> Found:
        for found in self._tempo.search(query, subject.window.start, subject.window.end, limit):
            trace = self._tempo.trace(found)
            if trace is not None:
                yield found.lower().zfill(32), trace


class JaegerStore:
    """Traces in Jaeger, which looks for those of one service at a time."""

    name = "jaeger"

    def __init__(self, jaeger: Jaeger, services: Sequence[str], attribute: str) -> None:
        self._jaeger = jaeger
        self._services = services
        self._attribute = attribute

    def searches(self, subject: Subject, limit: int) -> Iterator[tuple[str, Callable[[], Found], int]]:
        """Yield one search for each service."""
        for service in self._services:
            yield f"service {service}", partial(self._search, service, subject, limit), limit

    def correlated(self, correlation_id: str, subject: Subject, limit: int) -> Found:
        """Yield the traces with the tag, service by service."""
        for service in self._services:
            yield from self._search(service, subject, limit, {self._attribute: correlation_id})

    def trace(self, trace_id: str) -> Otlp | None:
        """Return one trace."""
        return self._jaeger.trace(trace_id)

    def _search(self, service: str, subject: Subject, limit: int, tags: Mapping[str, str] | None = None) -> Found:
        window = subject.window
        for trace_id, trace in self._jaeger.search(service, window.start, window.end, limit, tags).items():
            yield trace_id.lower().zfill(32), trace
