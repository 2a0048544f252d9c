"""Logs of the window, from files and from Loki; audit records and traces are looked up by the ids in them."""

import json
from collections.abc import Mapping, Sequence

from service.clients.errors import RequestFailed
from service.evidence.clients.loki import LogLine, LogPage, Loki
from service.evidence.source import with_incident_labels
from service.evidence.sources.log_files import LogFiles
from service.evidence.sources.log_lines import Ids, parsed
from service.evidence.staging import SourceFailed, SourceFiles, StagedFile
from service.evidence.window import EvidenceWindow


class LokiLogs:
    """Queries of one Loki. One that fails leaves the others alone."""

    def __init__(self, loki: Loki, queries: Mapping[str, str]) -> None:
        self._loki = loki
        self._queries = queries

    def collect(self, window: EvidenceWindow, files: SourceFiles, ids: Ids) -> None:
        """Write one file for each query."""
        for name, template in self._queries.items():
            try:
                self._query(name, template, window, files, ids)
            except (RequestFailed, SourceFailed) as error:
                files.add_failure(name, str(error))

    def _query(self, name: str, template: str, window: EvidenceWindow, files: SourceFiles, ids: Ids) -> None:
        query = with_incident_labels(template, window)
        notes = {"lines": 0}
        with files.text(f"loki/{name}.jsonl", query=query, notes=notes) as file:
            try:
                for page in self._loki.lines(query, window.start, window.end):
                    notes["lines"] += len(page.lines)
                    _write(page, file, ids)
                    if file.full:
                        return
            except RequestFailed as error:
                raise SourceFailed(f"{error}; the lines before it are kept") from error


class LogSource:
    """All logs, from wherever they are read."""

    name = "logs"

    def __init__(self, readers: Sequence[LogFiles | LokiLogs]) -> None:
        self._readers = readers

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Write the lines of each reader, and share the ids in them."""
        ids = Ids()
        try:
            for reader in self._readers:
                reader.collect(window, files, ids)
        finally:
            ids.share(files)


def _write(page: LogPage, file: StagedFile, ids: Ids) -> None:
    file.write("".join(_to_json(line) for line in page.lines).encode("utf-8", "backslashreplace"))
    for line in page.lines:
        ids.take(parsed(line.text.encode("utf-8", "backslashreplace")) or dict(line.labels))
    if page.lost_at is not None:
        file.add_omission(
            f"more lines have the timestamp {page.lost_at} ns than Loki returns at once; raise evidence.logs.loki.page "
            "and Loki's max_entries_limit_per_query"
        )


def _to_json(line: LogLine) -> str:
    """Return a line as JSON: Loki's own time and labels, and the line as it was."""
    fields = {"ts": str(line.nanoseconds), "labels": dict(line.labels), "line": line.text}
    return json.dumps(fields, ensure_ascii=False) + "\n"
