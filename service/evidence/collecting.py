"""One collection: each source in its turn, then everything into one archive, which is there whole or not at all."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from service.evidence.archive import Packed, pack
from service.evidence.boxes import Boxes, CannotStore
from service.evidence.manifest import NAME, Manifest, SourceEntry
from service.evidence.redaction import Redaction
from service.evidence.source import Source, SourceFailed
from service.evidence.subject import Subject

DEFAULT_BOUND = 256 * 1024 * 1024
SIDECAR = ".sha256"

_log = logging.getLogger(__name__)


class NotCollected(Exception):
    """There is no archive; the text says why and what to change."""


class Watch(Protocol):
    """Is told how far a collection is."""

    def begun(self, source: str) -> None:
        """Note that a source is being asked."""

    def ended(self, source: SourceEntry, files: int, size: int) -> None:
        """Note what a source gave."""


class Unwatched:
    """Nobody looks."""

    def begun(self, source: str) -> None:
        """Do nothing."""

    def ended(self, source: SourceEntry, files: int, size: int) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How it is collected. `bounds` hold the most bytes of a source, by its name, where they are not `max_bytes`."""

    version: str
    redaction: Redaction = field(default_factory=Redaction)
    max_bytes: int = DEFAULT_BOUND
    bounds: Mapping[str, int] = field(default_factory=dict)
    allow_verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Collected:
    """An archive that is there. `size` is that of the file."""

    path: Path
    sha256: str
    size: int
    manifest: Manifest


def collect(  # noqa: PLR0917 - each is another thing
    subject: Subject,
    sources: Sequence[Source],
    target: Path,
    terms: Terms,
    clock: Callable[[], datetime],
    watch: Watch | None = None,
) -> Collected:
    """Ask every source and write the archive, with its SHA-256 in a file beside it. Raises NotCollected.

    Until the archive is whole everything lies in a folder beside it that is removed in the end, whatever happens.
    """
    if target.exists():
        raise NotCollected(f"{target} is there already; evidence is never overwritten: name another file")
    with _workshop(target) as folder:
        boxes = Boxes(_folder(folder), terms.redaction, clock, allow_verbatim=terms.allow_verbatim)
        entries = [_asked(source, subject, boxes, terms, watch or Unwatched()) for source in sources]
        manifest = Manifest(
            version=terms.version,
            collected_at=clock(),
            subject=subject,
            incident=boxes.cleaned(subject.incident),
            sources=entries,
            files=[entry for entry, _ in boxes.staged],
        )
        return _packed(manifest, boxes, folder, target)


def _asked(source: Source, subject: Subject, boxes: Boxes, terms: Terms, watch: Watch) -> SourceEntry:
    """Ask one source; whatever it fails with is its own affair, but a disk that is full is everybody's."""
    entry = SourceEntry(source.name)
    watch.begun(source.name)
    before = len(boxes.staged)
    try:
        source.collect(subject, boxes.box(entry, terms.bounds.get(source.name, terms.max_bytes)))
    except CannotStore:
        raise
    except SourceFailed as error:
        entry.error = boxes.redaction.clean(str(error), entry.redactions)
    except Exception as error:  # a source that breaks must not take the others with it
        entry.error = f"failed unexpectedly: {type(error).__name__}"
        _log.exception("the source %s failed", source.name)
    own = boxes.staged[before:]
    watch.ended(entry, len(own), sum(file.size for file, _ in own))
    return entry


def _packed(manifest: Manifest, boxes: Boxes, folder: Path, target: Path) -> Collected:
    told = folder / NAME
    told.write_bytes(manifest.written())
    files = [Packed(NAME, told), *(Packed(entry.path, content) for entry, content in boxes.staged)]
    whole, beside = folder / "archive", folder / "sidecar"
    with whole.open("w+b") as archive:
        sha256 = pack(archive, files)
        os.fsync(archive.fileno())
    beside.write_text(f"{sha256}  {target.name}\n", encoding="utf-8")
    size = whole.stat().st_size
    whole.replace(target)
    beside.replace(target.with_name(target.name + SIDECAR))
    return Collected(target, sha256, size, manifest)


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """Give a folder on the disk of the archive, so that the last step is one that cannot half succeed."""
    try:
        with tempfile.TemporaryDirectory(prefix=".evidence-", dir=target.parent) as folder:
            yield Path(folder)
    except (CannotStore, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotCollected(f"cannot write the evidence below {target.parent.absolute()}: {why}") from error


def _folder(workshop: Path) -> Path:
    files = workshop / "files"
    files.mkdir()
    return files


def record_of(collected: Collected) -> dict[str, Any]:
    """Return the data of the note that tells the incident of its evidence."""
    window = collected.manifest.subject.window
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
