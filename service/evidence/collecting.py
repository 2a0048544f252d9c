"""One collection: each source in turn, then everything into one archive, written completely or not at all."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from service.evidence.archive import Packed, pack
from service.evidence.manifest import NAME, Manifest, SourceEntry
from service.evidence.redaction import Redaction
from service.evidence.source import EvidenceSource
from service.evidence.staging import CannotStore, SourceFailed, StagingArea
from service.evidence.window import EvidenceWindow

DEFAULT_MAX_BYTES = 256 * 1024 * 1024
SIDECAR = ".sha256"

_log = logging.getLogger(__name__)


class NotCollected(Exception):
    """There is no archive; the text says why and what to change."""


class CollectionProgress:
    """Follows a collection, source by source; this one shows nothing."""

    def source_started(self, source: str) -> None:
        """Called before a source is asked."""

    def source_finished(self, source: SourceEntry, files: int, size: int) -> None:
        """Called with what a source gave: the number of its files, and their size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOptions:
    """`max_bytes` limits the size of each source; `bounds` has other limits by the name of a source."""

    version: str
    redaction: Redaction = field(default_factory=Redaction)
    max_bytes: int = DEFAULT_MAX_BYTES
    bounds: Mapping[str, int] = field(default_factory=dict)
    allow_verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Collected:
    """An archive on disk; `size` is that of the file."""

    path: Path
    sha256: str
    size: int
    manifest: Manifest


def collect(  # noqa: PLR0917 - none of them belongs to another
    window: EvidenceWindow,
    sources: Sequence[EvidenceSource],
    target: Path,
    options: CollectOptions,
    clock: Callable[[], datetime],
    progress: CollectionProgress | None = None,
) -> Collected:
    """Ask every source and write the archive, with its SHA-256 in a file beside it. Raises NotCollected.

    Until the archive is complete everything lies in a folder beside it, which is always removed.
    """
    if target.exists():
        raise NotCollected(f"{target} already exists; refusing to overwrite evidence, choose another file with --out")
    with _working_folder(target) as folder:
        (folder / "files").mkdir()
        staging = StagingArea(folder / "files", options.redaction, clock, allow_verbatim=options.allow_verbatim)
        entries = [
            _collect_source(source, window, staging, options, progress or CollectionProgress()) for source in sources
        ]
        manifest = Manifest(
            version=options.version,
            collected_at=clock(),
            window=window,
            incident=staging.cleaned(window.incident),
            sources=entries,
            files=[entry for entry, _ in staging.staged],
        )
        return _pack(manifest, staging, folder, target)


def _collect_source(
    source: EvidenceSource,
    window: EvidenceWindow,
    staging: StagingArea,
    options: CollectOptions,
    progress: CollectionProgress,
) -> SourceEntry:
    """Ask one source; its failure stays its own, but a full disk ends the collection."""
    entry = SourceEntry(source.name)
    progress.source_started(source.name)
    before = len(staging.staged)
    try:
        source.collect(window, staging.files(entry, options.bounds.get(source.name, options.max_bytes)))
    except CannotStore:
        raise
    except SourceFailed as error:
        entry.error = staging.redaction.clean(str(error), entry.redactions)
    except Exception as error:  # a source that breaks must not take the others with it
        entry.error = f"failed unexpectedly: {type(error).__name__}"
        _log.exception("the source %s failed", source.name)
    own = staging.staged[before:]
    progress.source_finished(entry, len(own), sum(file.size for file, _ in own))
    return entry


def _pack(manifest: Manifest, staging: StagingArea, folder: Path, target: Path) -> Collected:
    manifest_file = folder / NAME
    manifest_file.write_bytes(manifest.to_json())
    files = [Packed(NAME, manifest_file), *(Packed(entry.path, content) for entry, content in staging.staged)]
    archive_file, sidecar = folder / "archive", folder / "sidecar"
    with archive_file.open("w+b") as archive:
        sha256 = pack(archive, files)
        os.fsync(archive.fileno())
    sidecar.write_text(f"{sha256}  {target.name}\n", encoding="utf-8")
    size = archive_file.stat().st_size
    archive_file.replace(target)
    sidecar.replace(target.with_name(target.name + SIDECAR))
    return Collected(target, sha256, size, manifest)


@contextmanager
def _working_folder(target: Path) -> Iterator[Path]:
    """Yield a folder on the disk of the archive, so that the last step is a rename, which cannot half succeed."""
    try:
        with tempfile.TemporaryDirectory(prefix=".evidence-", dir=target.parent) as folder:
            yield Path(folder)
    except (CannotStore, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotCollected(f"cannot write evidence to {target.parent.absolute()}: {reason}") from error


def note_data(collected: Collected) -> dict[str, Any]:
    """Return the data of the note that records the evidence on the incident."""
    window = collected.manifest.window
    missing = [source.name for source in collected.manifest.sources if not source.complete]
    name = collected.path.name
    return {
        "text": f"Evidence collected: {name}, SHA-256 {collected.sha256}",
        "evidence_collected": {
            "archive": name,
            "sha256": collected.sha256,
            "size": collected.size,
            "files": len(collected.manifest.files),
            "from": window.start.isoformat(),
            "to": window.end.isoformat(),
            "missing": missing,
            "sources": collected.manifest.states,
        },
    }
