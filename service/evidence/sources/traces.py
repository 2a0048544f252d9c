"""Traces of the window and of the ids in the logs, each as OTLP JSON and as a tree for people."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from service.clients.errors import RequestFailed
from service.evidence.clients.jaeger import Jaeger
from service.evidence.clients.tempo import Tempo, with_attribute
from service.evidence.source import with_incident_labels
from service.evidence.sources.span_tree import spans_of, tree
from service.evidence.staging import SourceFailed, SourceFiles
from service.evidence.window import EvidenceWindow

MAX_IDS = 100
"""How many correlation ids, and how many trace ids, of the logs are looked up; each is a request."""
_TRACE_ID = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{32}")
Otlp = Mapping[str, Any]
Traces = Iterator[tuple[str, Otlp]]
"""Trace ids with their traces; going through them may raise RequestFailed or SourceFailed."""


class TempoStore:
    """Traces in Tempo."""

    name = "tempo"

    def __init__(self, tempo: Tempo, query: str, attribute: str) -> None:
        self._tempo = tempo
        self._query = query
        self._attribute = attribute

    def searches(self, window: EvidenceWindow, limit: int) -> Iterator[tuple[str, Callable[[], Traces]]]:
        """Yield the configured query."""

        def search() -> Traces:
            query = with_incident_labels(self._query, window)
            yield from self._search(query, window, limit)

        yield self._query, search

    def correlated(self, correlation_id: str, window: EvidenceWindow, limit: int) -> Traces:
        """Yield the traces with a span that has the attribute."""
        yield from self._search(with_attribute(self._attribute, correlation_id), window, limit)

    def trace(self, trace_id: str) -> Otlp | None:
        """Return one trace."""
        return self._tempo.trace(trace_id)

    def _search(self, query: str, window: EvidenceWindow, limit: int) -> Traces:
        for trace_id in self._tempo.search(query, window.start, window.end, limit):
            trace = self._tempo.trace(trace_id)
            if trace is not None:
                yield trace_id.lower().zfill(32), trace


class JaegerStore:
    """Traces in Jaeger, which is searched one service at a time."""

    name = "jaeger"

    def __init__(self, jaeger: Jaeger, services: Sequence[str], attribute: str) -> None:
        self._jaeger = jaeger
        self._services = services
        self._attribute = attribute

    def searches(self, window: EvidenceWindow, limit: int) -> Iterator[tuple[str, Callable[[], Traces]]]:
        """Yield one search for each service."""
        for service in self._services:
            yield f"service {service}", partial(self._search, service, window, limit)

    def correlated(self, correlation_id: str, window: EvidenceWindow, limit: int) -> Traces:
        """Yield the traces with the tag, service by service."""
        for service in self._services:
            yield from self._search(service, window, limit, {self._attribute: correlation_id})

    def trace(self, trace_id: str) -> Otlp | None:
        """Return one trace."""
        return self._jaeger.trace(trace_id)

    def _search(
        self, service: str, window: EvidenceWindow, limit: int, tags: Mapping[str, str] | None = None
    ) -> Traces:
        for trace_id, trace in self._jaeger.search(service, window.start, window.end, limit, tags).items():
            yield trace_id.lower().zfill(32), trace


TraceStore = TempoStore | JaegerStore


class TraceSource:
    """Asks each store. A search that fails leaves the others alone."""

    name = "traces"

    def __init__(self, stores: Sequence[TraceStore], limit: int) -> None:
        self._stores = stores
        self._limit = limit

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Write each trace once."""
        correlation_ids = _shared_ids("correlation_id", files)
        trace_ids = [value.lower().zfill(32) for value in _shared_ids("trace_id", files) if _TRACE_ID.fullmatch(value)]
        for store in self._stores:
            done: set[str] = set()
            for what, search in store.searches(window, self._limit):
                if _write_all(store, what, search, done, files) >= self._limit:
                    reason = f"the limit of {self._limit} traces is reached; raise evidence.traces.limit to get more"
                    files.add_failure(what, reason)
            for correlation_id in correlation_ids:
                search = partial(store.correlated, correlation_id, window, self._limit)
                _write_all(store, f"correlation_id {correlation_id}", search, done, files)
            for trace_id in trace_ids:
                if trace_id not in done:
                    _write_all(store, f"trace {trace_id}", partial(_by_id, store, trace_id), done, files)


def _shared_ids(name: str, files: SourceFiles) -> list[str]:
    """Return ids that the logs contain, the first of them in order if there are too many."""
    ids = sorted(files.shared(name))
    if len(ids) > MAX_IDS:
        files.add_failure(name, f"the logs contain {len(ids)} different values; only {MAX_IDS} are looked up")
    return ids[:MAX_IDS]


def _by_id(store: TraceStore, trace_id: str) -> Traces:
    trace = store.trace(trace_id)
    if trace is not None:
        yield trace_id, trace


def _write_all(store: TraceStore, what: str, search: Callable[[], Traces], done: set[str], files: SourceFiles) -> int:
    """Write the traces of a search, and return how many there were."""
    number = 0
    try:
        for trace_id, trace in search():
            number += 1
            if trace_id not in done:
                done.add(trace_id)
                _write(store.name, what, trace_id, trace, files)
    except (RequestFailed, SourceFailed) as error:
        files.add_failure(what, str(error))
    return number


def _write(store: str, what: str, trace_id: str, trace: Otlp, files: SourceFiles) -> None:
    with files.text(f"{store}/{trace_id}.otlp.json", query=what) as file:
        file.write((json.dumps(trace, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace"))
    with files.text(f"{store}/{trace_id}.txt", query=what) as file:
        file.write(tree(trace_id, spans_of(trace)).encode("utf-8", "backslashreplace"))
