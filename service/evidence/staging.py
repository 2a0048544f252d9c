"""Where sources write their files until the archive is packed: on disk, redacted, within a size limit."""

import codecs
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from service.evidence.manifest import FileEntry, SourceEntry
from service.evidence.paths import safe, unique
from service.evidence.redaction import Counts, Redaction, Stream

_OVER_LIMIT = "cut off: the source's size limit of {} bytes is reached (evidence.max_bytes, evidence.bounds)"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOOKS_BINARY_WITHIN = 8192


class SourceFailed(Exception):
    """The source gave nothing, or no more; the text says why and what to change, and carries no secret."""


class CannotStore(Exception):
    """Collected files cannot be written; no source is to blame, and nothing more can be collected."""


@contextmanager
def _storing() -> Iterator[None]:
    """Keep a full disk from looking like a source that cannot be read."""
    try:
        yield
    except OSError as error:
        raise CannotStore(error.strerror or str(error)) from error


class SizeLimit:
    """How many bytes one source may still write."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.left = most

    def take(self, data: bytes) -> bytes:
        """Return as much of the data as fits."""
        fitting = data[: self.left]
        self.left -= len(fitting)
        return fitting


class StagedFile:
    """One file of the archive while it is written, here byte for byte. Memory stays small whatever its size."""

    def __init__(self, entry: FileEntry, target: BinaryIO, limit: SizeLimit, redaction: Redaction) -> None:
        self._entry = entry
        self._target = target
        self._limit = limit
        self._redaction = redaction
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append bytes; those beyond the source's size limit are left out, and the file is marked truncated."""
        self._append(data)

    def add_omission(self, reason: str) -> None:
        """Note that the file is incomplete, and why."""
        clean = self.clean(reason)
        if clean not in self._entry.omissions:
            self._entry.omissions.append(clean)

    def clean(self, text: str) -> str:
        """Return a text without what is sensitive, for a generated file; counted with the file."""
        return self._redaction.clean(text, self._entry.redactions)

    @property
    def full(self) -> bool:
        """Whether the size limit is reached, so that the source can stop reading."""
        return self._limit.left <= 0

    def end(self) -> None:
        """Write what is held back and note the digest."""
        with _storing():
            self._target.flush()
        self._entry.sha256 = self._digest.hexdigest()

    def _append(self, data: bytes) -> None:
        fitting = self._limit.take(data)
        if len(fitting) < len(data):
            self.add_omission(_OVER_LIMIT.format(self._limit.most))
            fitting = self._usable(fitting)
        self._digest.update(fitting)
        with _storing():
            self._target.write(fitting)
        self._entry.size += len(fitting)

    def _usable(self, start: bytes) -> bytes:
        """Return what is of use of the start of data that was cut off."""
        return start


class _GeneratedFile(StagedFile):
    """A file that the exporter makes itself; half a picture is of no use, nor half a row."""

    def _usable(self, start: bytes) -> bytes:
        return start[:0]


class _RedactedFile(StagedFile):
    """A text that is redacted as it is written. Bytes that are not UTF-8 are kept around what is removed."""

    def __init__(self, entry: FileEntry, target: BinaryIO, limit: SizeLimit, redaction: Redaction) -> None:
        super().__init__(entry, target, limit, redaction)
        self._stream = Stream(redaction, entry.redactions)
        self._decoder: codecs.IncrementalDecoder | None = None

    def write(self, data: bytes) -> None:
        if self.full:
            self.add_omission(_OVER_LIMIT.format(self._limit.most))
        elif data:
            decoder = self._decoder = self._decoder or _decoder_for(data)
            self._append_text(self._stream.feed(decoder.decode(data)))

    def end(self) -> None:
        rest = self._decoder.decode(b"", True) if self._decoder else ""
        self._append_text(self._stream.feed(rest) + self._stream.end())
        super().end()

    def _usable(self, start: bytes) -> bytes:
        return start[: start.rfind(b"\n") + 1]

    def _append_text(self, text: str) -> None:
        if text:
            self._append(text.encode("utf-8", "surrogateescape"))


def _decoder_for(start: bytes) -> codecs.IncrementalDecoder:
    if start.startswith(_UTF_16):
        return codecs.getincrementaldecoder("utf-16")("replace")
    if b"\0" in start[:_LOOKS_BINARY_WITHIN]:
        raise SourceFailed("binary file: it cannot be searched for secrets; mark it as verbatim to include it")
    return codecs.getincrementaldecoder("utf-8")("surrogateescape")


class StagingArea:
    """The files of all sources until they are packed; in `folder` they have numbers for names."""

    def __init__(
        self, folder: Path, redaction: Redaction, clock: Callable[[], datetime], *, allow_verbatim: bool
    ) -> None:
        self.folder = folder
        self.redaction = redaction
        self.clock = clock
        self.allow_verbatim = allow_verbatim
        self.staged: list[tuple[FileEntry, Path]] = []
        self.taken_names: set[str] = set()
        self.shared_values: dict[str, frozenset[str]] = {}

    def files(self, source: SourceEntry, most: int) -> "SourceFiles":
        """Return where one source writes its files, `most` bytes in all."""
        return SourceFiles(self, source, SizeLimit(most))

    def cleaned(self, value: Any) -> Any:
        """Return a value of the manifest with every text in it clean."""
        counts = Counts()
        return _cleaned(value, lambda text: self.redaction.clean(text, counts))


class SourceFiles:
    """The files of one source, under a folder of its name in the archive, in the order in which they were begun.

    Paths are relative to that folder. `query` says how a file was asked for; `notes` go into the manifest.
    """

    def __init__(self, staging: StagingArea, source: SourceEntry, limit: SizeLimit) -> None:
        self._staging = staging
        self._source = source
        self._limit = limit

    @contextmanager
    def text(self, path: str, **details: Any) -> Iterator[StagedFile]:
        """Begin a text that is redacted as it is written."""
        with self._file(_RedactedFile, path, verbatim=False, **details) as file:
            yield file

    @contextmanager
    def verbatim(self, path: str, **details: Any) -> Iterator[StagedFile]:
        """Begin a file that is kept byte for byte. Raises SourceFailed unless verbatim files are allowed."""
        if not self._staging.allow_verbatim:
            raise SourceFailed("verbatim files may contain secrets; allow them with --allow-verbatim")
        with self._file(StagedFile, path, verbatim=True, **details) as file:
            yield file

    @contextmanager
    def generated(self, path: str, **details: Any) -> Iterator[StagedFile]:
        """Begin a file that the exporter makes itself, such as a picture or a table of numbers.

        It is kept as written: texts of others must pass the file's `clean` first.
        """
        with self._file(_GeneratedFile, path, verbatim=False, **details) as file:
            yield file

    def add_failure(self, what: str, reason: str) -> None:
        """Note that one part of the source failed (a file, a query) while the others go on."""
        clean = self._staging.redaction.clean
        self._source.failures.append((clean(what, self._source.redactions), clean(reason, self._source.redactions)))

    def share(self, name: str, values: frozenset[str]) -> None:
        """Make values such as those of `order_id` available to later sources."""
        self._staging.shared_values[name] = self.shared(name) | values

    def shared(self, name: str) -> frozenset[str]:
        """Return the values of that name that earlier sources shared."""
        return self._staging.shared_values.get(name, frozenset())

    @contextmanager
    def _file(
        self,
        kind: type[StagedFile],
        path: str,
        *,
        verbatim: bool,
        query: str | None = None,
        modified_at: datetime | None = None,
        notes: Mapping[str, object] | None = None,
    ) -> Iterator[StagedFile]:
        staging, counts = self._staging, Counts()
        clean = staging.redaction.clean
        name = unique(f"{self._source.name}/{safe(clean(path, counts))}", staging.taken_names)
        entry = FileEntry(
            name, self._source.name, verbatim, staging.clock(), redactions=counts, modified_at=modified_at
        )
        entry.query = clean(query, counts) if query is not None else None
        content = staging.folder / f"{len(staging.staged):06d}"
        staging.staged.append((entry, content))
        with _storing():
            opened = content.open("wb")
        with opened as target:
            file = kind(entry, target, self._limit, staging.redaction)
            try:
                yield file
            except SourceFailed as error:
                entry.error = clean(str(error), counts)
                raise
            finally:
                entry.notes = _cleaned(dict(notes or {}), lambda text: clean(text, counts))  # as they are by now
                file.end()


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    """Return a value for the manifest with every text in it clean; times are written as JSON can."""
    match value:
        case str():
            return clean(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {clean(str(key)): _cleaned(element, clean) for key, element in value.items()}
        case datetime():
            return value.isoformat()
        case list() | tuple() | set() | frozenset():
            ordered = sorted(value) if isinstance(value, set | frozenset) else value
            return [_cleaned(element, clean) for element in ordered]
        case _:
            return clean(str(value))
