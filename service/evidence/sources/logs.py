"""Logs of the window, from files and from Loki; the ids in them are what audit records and traces are found by."""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from service.clients.json_api import RequestFailed
from service.evidence.clients.loki import Line, Loki, Page
from service.evidence.source import Box, File, SourceFailed, with_incident_labels
from service.evidence.sources.log_lines import Ids, parsed
from service.evidence.subject import Subject


class Part(Protocol):
    """One place that logs are in."""

    def collect(self, subject: Subject, box: Box, ids: Ids) -> None:
        """Write its lines of the window and note the ids in them."""


class Logs:
    """All places that logs are in."""

    name = "logs"

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def collect(self, subject: Subject, box: Box) -> None:
        """Write the lines of each place, and hand on the ids that were in them."""
        ids = Ids()
        try:
            for part in self._parts:
                part.collect(subject, box, ids)
        finally:
            ids.hand_on(box)


class LokiLogs:
    """Queries of one Loki. One that fails leaves the others alone."""

    def __init__(self, loki: Loki, queries: Mapping[str, str]) -> None:
        self._loki = loki
        self._queries = queries

    def collect(self, subject: Subject, box: Box, ids: Ids) -> None:
        """Write one file for each query."""
        for name, template in self._queries.items():
            try:
                self._query(name, template, subject, box, ids)
            except (RequestFailed, SourceFailed) as error:
                box.failed(name, str(error))

    def _query(self, name: str, template: str, subject: Subject, box: Box, ids: Ids) -> None:
        query = with_incident_labels(template, subject)
        window = subject.window
        notes = {"lines": 0}
        with box.text(f"loki/{name}.jsonl", query=query, notes=notes) as file:
            try:
                for page in self._loki.lines(query, window.start, window.end):
                    notes["lines"] += len(page.lines)
                    _write(page, file, ids)
                    if file.full:
                        return
            except RequestFailed as error:
                raise SourceFailed(f"{error}; what came before it is here") from error


def _write(page: Page, file: File, ids: Ids) -> None:
    file.write("".join(_written(line) for line in page.lines).encode("utf-8", "backslashreplace"))
    for line in page.lines:
        ids.take(parsed(line.text.encode("utf-8", "backslashreplace")) or dict(line.labels))
    if page.lost_at is not None:
        file.truncated(
            f"more lines have the time {page.lost_at} ns than Loki gives at once; raise evidence.logs.loki.page and "
            "Loki's max_entries_limit_per_query"
        )


def _written(line: Line) -> str:
    """Write a line as JSON: Loki's own time and labels, and the line as it was."""
    told = {"ts": str(line.nanoseconds), "labels": dict(line.labels), "line": line.text}
    return json.dumps(told, ensure_ascii=False) + "\n"
