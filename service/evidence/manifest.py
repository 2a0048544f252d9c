"""What an archive says of itself: the origin of each file, what is missing, and the digests that prove it complete."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.domain.checks import EVIDENCE_SOURCES
from service.evidence.redaction import Counts
from service.evidence.window import EvidenceWindow

NAME = "manifest.json"
FORMAT = 1


@dataclass(slots=True)
class FileEntry:
    """One file of the archive; `omissions` says what was left out of it."""

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
    omissions: list[str] = field(default_factory=list)
    error: str | None = None


@dataclass(slots=True)
class SourceEntry:
    """One source; `failures` are those of parts of it, `error` is what ended it."""

    name: str
    error: str | None = None
    failures: list[tuple[str, str]] = field(default_factory=list)
    redactions: Counts = field(default_factory=Counts)

    @property
    def complete(self) -> bool:
        """Whether it gave everything it was asked for."""
        return self.error is None and not self.failures


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about one collection; `version` is that of the program."""

    version: str
    collected_at: datetime
    window: EvidenceWindow
    incident: Mapping[str, Any]
    sources: Sequence[SourceEntry]
    files: Sequence[FileEntry]

    @property
    def complete(self) -> bool:
        """Whether every source gave everything it was asked for."""
        return all(source.complete for source in self.sources) and all(file.error is None for file in self.files)

    @property
    def states(self) -> dict[str, str]:
        """The state of each source that the standard requires: `collected`, `failed`, or `not_configured`."""
        broken = {file.source for file in self.files if file.error is not None}
        asked = {s.name: "collected" if s.complete and s.name not in broken else "failed" for s in self.sources}
        return {name: asked.get(name, "not_configured") for name in EVIDENCE_SOURCES}

    def to_json(self) -> bytes:
        """Return it as JSON; the same manifest gives the same bytes."""
        return (json.dumps(self._content(), ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")

    def _content(self) -> dict[str, Any]:
        window = self.window
        return {
            "format": FORMAT,
            "tool": {"name": "mttx-exporter", "version": self.version},
            "collected_at": _utc(self.collected_at),
            "incident_id": self.window.incident_id,
            "window": {"start": _utc(window.start), "end": _utc(window.end), "display_timezone": window.zone.key},
            "complete": self.complete,
            "contents_sha256": contents_digest([(file.path, file.sha256) for file in self.files]),
            "sources": [_source(source, self.files) for source in self.sources],
            "not_configured": [name for name, state in self.states.items() if state == "not_configured"],
            "files": [_file(file) for file in self.files],
            "incident": dict(self.incident),
        }


def contents_digest(files: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of all files by path and digest: equal for two collections with the same contents."""
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
        "truncated": any(file.omissions for file in own),
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
        "truncated": file.omissions or None,
        "error": file.error,
        "notes": dict(file.notes),
    }


def counted(counts: Counts) -> dict[str, dict[str, int]]:
    """Return how often something was redacted, by kind and name."""
    by_kind: dict[str, dict[str, int]] = {}
    for (kind, name), count in sorted(counts.items()):
        by_kind.setdefault(kind, {})[name] = count
    return by_kind


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
