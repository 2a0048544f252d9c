"""What an archive says of itself: where each file came from, what is missing, and the digests that prove it whole."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.domain.checks import EVIDENCE_SOURCES
from service.evidence.redaction import Counts
from service.evidence.subject import Subject

NAME = "manifest.json"
FORMAT = 1


@dataclass(slots=True)
class FileEntry:
    """One file of the archive; `lacks` says what was left out of it."""

    path: str
    source: str
    verbatim: bool
    collected_at: datetime
    query: str | None = None
    modified_at: datetime | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0
    sha256: str = ""
    redactions: Counts = field(default_factory=Counts)
    lacks: list[str] = field(default_factory=list)
    error: str | None = None


@dataclass(slots=True)
class SourceEntry:
    """One source and what it could not give; `failures` are of parts of it, `error` ended it."""

    name: str
    error: str | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)
    redactions: Counts = field(default_factory=Counts)

    @property
    def complete(self) -> bool:
        """Say whether it gave all that it was asked for."""
        return self.error is None and not self.failures


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is told of one collection; `version` is that of the program."""

    version: str
    collected_at: datetime
    subject: Subject
    incident: Mapping[str, Any]
    sources: Sequence[SourceEntry]
    files: Sequence[FileEntry]

    @property
    def complete(self) -> bool:
        """Say whether every source gave all that it was asked for."""
        return all(source.complete for source in self.sources) and all(file.error is None for file in self.files)

    @property
    def states(self) -> dict[str, str]:
        """How each source that the standard requires did: `collected`, `failed`, or `not_configured`."""
        broken = {file.source for file in self.files if file.error is not None}
        asked = {s.name: "collected" if s.complete and s.name not in broken else "failed" for s in self.sources}
        return {name: asked.get(name, "not_configured") for name in EVIDENCE_SOURCES}

    def written(self) -> bytes:
        """Return it as JSON; the same manifest gives the same bytes."""
        return (json.dumps(self._told(), ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")

    def _told(self) -> dict[str, Any]:
        window = self.subject.window
        return {
            "format": FORMAT,
            "tool": {"name": "mttx-exporter", "version": self.version},
            "collected_at": _utc(self.collected_at),
            "incident_id": self.subject.incident_id,
            "window": {"start": _utc(window.start), "end": _utc(window.end), "display_timezone": window.zone.key},
            "complete": self.complete,
            "contents_sha256": contents_digest([(file.path, file.sha256) for file in self.files]),
            "sources": [_source(source, self.files) for source in self.sources],
            "not_configured": [name for name, state in self.states.items() if state == "not_configured"],
            "files": [_file(file) for file in self.files],
            "incident": dict(self.incident),
        }


def contents_digest(files: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of all files by path and digest: equal for two collections that found the same."""
    lines = sorted(f"{sha256}  {path}\n" for path, sha256 in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _source(source: SourceEntry, files: Sequence[FileEntry]) -> dict[str, Any]:
    own = [file for file in files if file.source == source.name]
    total = sum((file.redactions for file in own), source.redactions)
    return {
        "name": source.name,
        "complete": source.complete and all(file.error is None for file in own),
        "files": len(own),
        "bytes": sum(file.size for file in own),
        "redactions": counted(total),
        "truncated": any(file.lacks for file in own),
        "error": source.error,
        "failures": [{"what": what, "reason": reason} for what, reason in source.failures],
    }


def _file(file: FileEntry) -> dict[str, Any]:
    return {
        "path": file.path,
        "source": file.source,
        "query": file.query,
        "collected_at": _utc(file.collected_at),
        "modified_at": _utc(file.modified_at) if file.modified_at else None,
        "sha256": file.sha256,
        "size": file.size,
        "verbatim": file.verbatim,
        "redactions": counted(file.redactions),
        "truncated": file.lacks or None,
        "error": file.error,
        "notes": dict(file.notes),
    }


def counted(counts: Counts) -> dict[str, dict[str, int]]:
    """Tell how often what was taken out, by kind and by name."""
    told: dict[str, dict[str, int]] = {}
    for (kind, name), count in sorted(counts.items()):
        told.setdefault(kind, {})[name] = count
    return told


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
