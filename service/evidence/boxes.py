"""Where sources put their files: a folder on disk until all of it is packed, bounded, redacted, and kept account of."""

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
from service.evidence.source import SourceFailed

_BOUND = "left out: the source's bound of {} bytes is reached (evidence.max_bytes, evidence.bounds)"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOOKS_BINARY_WITHIN = 8192

Staged = tuple[FileEntry, Path]


@contextmanager
def _storing() -> Iterator[None]:
    """Keep a disk that is full from looking like a source that cannot be read."""
    try:
        yield
    except OSError as error:
        raise CannotStore(error.strerror or str(error)) from error


class Quota:
    """How much one source may still write."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.left = most

    def take(self, data: bytes, cut: Callable[[bytes], bytes]) -> bytes:
        """Return as much of the data as there is room for; `cut` says what of a part is of use."""
        if len(data) <= self.left:
            self.left -= len(data)
            return data
        fitting = data[: self.left]
        self.left = 0
        return cut(fitting)


def _any_part(part: bytes) -> bytes:
    return part


def _no_part(part: bytes) -> bytes:
    return part[:0]


def _whole_lines(part: bytes) -> bytes:
    return part[: part.rfind(b"\n") + 1]


class CannotStore(Exception):
    """What was collected cannot be written; no source is to blame, and nothing more can be collected."""


class _Raw:
    """A file that is written as it comes: verbatim, or of our own making."""

    cut = staticmethod(_any_part)

    def __init__(self, entry: FileEntry, target: BinaryIO, quota: Quota, redaction: Redaction) -> None:
        self._entry = entry
        self._target = target
        self._quota = quota
        self._redaction = redaction
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._put(data)

    def truncated(self, reason: str) -> None:
        clean = self.clean(reason)
        if clean not in self._entry.lacks:
            self._entry.lacks.append(clean)

    def clean(self, text: str) -> str:
        return self._redaction.clean(text, self._entry.redactions)

    @property
    def full(self) -> bool:
        return self._quota.left <= 0

    def end(self) -> None:
        """Note what it came to."""
        with _storing():
            self._target.flush()
        self._entry.sha256 = self._digest.hexdigest()

    def _put(self, data: bytes) -> None:
        fitting = self._quota.take(data, self.cut)
        if len(fitting) < len(data):
            self.truncated(_BOUND.format(self._quota.most))
        self._digest.update(fitting)
        with _storing():
            self._target.write(fitting)
        self._entry.size += len(fitting)


class _Made(_Raw):
    """A file of our own making; half a picture is of no use, nor half a row."""

    cut = staticmethod(_no_part)


class _Text(_Raw):
    """A text that is redacted on its way. What is no UTF-8 is kept byte for byte around what is taken out."""

    cut = staticmethod(_whole_lines)

    def __init__(self, entry: FileEntry, target: BinaryIO, quota: Quota, redaction: Redaction) -> None:
        super().__init__(entry, target, quota, redaction)
        self._stream = Stream(redaction, entry.redactions)
        self._decoder: codecs.IncrementalDecoder | None = None

    def write(self, data: bytes) -> None:
        if self.full:
            self.truncated(_BOUND.format(self._quota.most))
        elif data:
            decoder = self._decoder = self._decoder or _decoder_for(data)
            self._tell(self._stream.feed(decoder.decode(data)))

    def end(self) -> None:
        rest = self._decoder.decode(b"", True) if self._decoder else ""
        self._tell(self._stream.feed(rest) + self._stream.end())
        super().end()

    def _tell(self, text: str) -> None:
        if text:
            self._put(text.encode("utf-8", "surrogateescape"))


def _decoder_for(start: bytes) -> codecs.IncrementalDecoder:
    if start.startswith(_UTF_16):
        return codecs.getincrementaldecoder("utf-16")("replace")
    if b"\0" in start[:_LOOKS_BINARY_WITHIN]:
        raise SourceFailed("is no text, so that nothing can be found in it to redact; mark it verbatim")
    return codecs.getincrementaldecoder("utf-8")("surrogateescape")


class Boxes:
    """Makes the box of each source. Files lie in `folder` until they are packed; nothing there has a name of theirs."""

    def __init__(
        self, folder: Path, redaction: Redaction, clock: Callable[[], datetime], *, allow_verbatim: bool
    ) -> None:
        self.folder = folder
        self.redaction = redaction
        self.clock = clock
        self.allow_verbatim = allow_verbatim
        self.staged: list[Staged] = []
        self.taken: set[str] = set()
        self.known: dict[str, frozenset[str]] = {}

    def box(self, source: SourceEntry, most: int) -> "FolderBox":
        """Return the box of one source, which may hold at most so many bytes."""
        return FolderBox(self, source, Quota(most))

    def cleaned(self, value: Any) -> Any:
        """Return a value of the manifest with every text in it clean."""
        counts = Counts()
        return _cleaned(value, lambda text: self.redaction.clean(text, counts))


class FolderBox:
    """The box of one source; its files are staged in the order in which they were begun."""

    def __init__(self, boxes: Boxes, source: SourceEntry, quota: Quota) -> None:
        self._boxes = boxes
        self._source = source
        self._quota = quota

    @contextmanager
    def text(self, path: str, **about: Any) -> Iterator[_Raw]:
        """Begin a text that is redacted on its way."""
        with self._file(_Text, path, verbatim=False, **about) as file:
            yield file

    @contextmanager
    def verbatim(self, path: str, **about: Any) -> Iterator[_Raw]:
        """Begin a file that is kept byte for byte. Raises SourceFailed unless that was allowed."""
        if not self._boxes.allow_verbatim:
            raise SourceFailed("is to be kept verbatim, with whatever secrets it has; --allow-verbatim allows it")
        with self._file(_Raw, path, verbatim=True, **about) as file:
            yield file

    @contextmanager
    def made(self, path: str, **about: Any) -> Iterator[_Raw]:
        """Begin a file of our own making."""
        with self._file(_Made, path, verbatim=False, **about) as file:
            yield file

    def failed(self, what: str, reason: str) -> None:
        """Note that one part of the source failed."""
        clean = self._boxes.redaction.clean
        self._source.failures.append((clean(what, self._source.redactions), clean(reason, self._source.redactions)))

    def found(self, name: str, values: frozenset[str]) -> None:
        """Hand what was found to later sources."""
        self._boxes.known[name] = self._boxes.known.get(name, frozenset()) | values

    def looked_up(self, name: str) -> frozenset[str]:
        """Return what earlier sources found."""
        return self._boxes.known.get(name, frozenset())

    @contextmanager
    def _file(
        self,
        kind: type[_Raw],
        path: str,
        *,
        verbatim: bool,
        query: str | None = None,
        modified_at: datetime | None = None,
        notes: Mapping[str, object] | None = None,
    ) -> Iterator[_Raw]:
        boxes, counts = self._boxes, Counts()
        clean = boxes.redaction.clean
        name = unique(f"{self._source.name}/{safe(clean(path, counts))}", boxes.taken)
        entry = FileEntry(name, self._source.name, verbatim, boxes.clock(), redactions=counts, modified_at=modified_at)
        entry.query = clean(query, counts) if query is not None else None
        content = boxes.folder / f"{len(boxes.staged):06d}"
        boxes.staged.append((entry, content))
        with _storing():
            opened = content.open("wb")
        with opened as target:
            file = kind(entry, target, self._quota, boxes.redaction)
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
            return {clean(str(key)): _cleaned(one, clean) for key, one in value.items()}
        case datetime():
            return value.isoformat()
        case list() | tuple() | set() | frozenset():
            ordered = sorted(value) if isinstance(value, set | frozenset) else value
            return [_cleaned(one, clean) for one in ordered]
        case _:
            return clean(str(value))
