"""Log files, of JSON lines or plain text: the lines of the window, in small memory, from plain and gzipped files."""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from pathlib import Path

from service.evidence.source import Box, File, SourceFailed
from service.evidence.sources.files import PIECE, Matched, Opened, filled_in, matched, opened, root_of
from service.evidence.sources.log_lines import STANDARD, Ids, parsed, time_of
from service.evidence.sources.text_lines import logfmt, time_in
from service.evidence.subject import Subject, Window

LONGEST_LINE = 1024 * 1024
"""What is longer is read in pieces that count as lines of their own."""
GZIP = b"\x1f\x8b"
IN_TIME = "in the window"
ELSEWHERE = "outside of the window"
OLD = timedelta(hours=1)
"""A file that was last written so long before the window is not opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How lines are read; `keep_untimed`: a line without a time goes with the one before it."""

    time_fields: Sequence[str]
    zone: tzinfo
    keep_untimed: bool


class LogFiles:
    """Log files by pattern."""

    def __init__(self, patterns: Sequence[str], roots: Sequence[Path], reading: Reading) -> None:
        self._patterns = patterns
        self._roots = roots
        self._reading = reading

    def collect(self, subject: Subject, box: Box, ids: Ids) -> None:
        """Write the lines of the window of each file that has some, and note the ids in them."""
        env = [subject.labels["env"]] if "env" in subject.labels else []
        for pattern in self._patterns:
            names = filled_in(pattern, {"env": env})
            found = [one for name in names for one in matched(name, root_of(pattern), self._roots, box)]
            if not names:
                box.failed(
                    pattern, "the incident has no label env that may stand in a path, which the pattern asks for"
                )
            elif not found:
                box.failed(pattern, "matches no file")
            for one in found:
                try:
                    self._file(pattern, one, subject.window, box, ids)
                except SourceFailed as error:
                    box.failed(str(one.path), str(error))

    def _file(self, pattern: str, found: Matched, window: Window, box: Box, ids: Ids) -> None:
        """Write one file's lines; where none is kept there is no file of it in the archive."""
        counts: Counter[str] = Counter()
        with opened(found) as source, ExitStack() as stack:
            if source.modified_at < window.start - OLD:
                return
            kept = Lines(self._reading, window, counts, ids).kept(source)
            first = next(kept, b"")
            if first:
                name = f"files/{found.inside.removesuffix('.gz')}"
                begun = box.text(name, query=pattern, modified_at=source.modified_at, notes=counts)
                file = stack.enter_context(begun)
                _write(first, kept, file)
                if source.grown:
                    file.truncated(source.grown)
        if not first and counts and not counts[IN_TIME] and not counts[ELSEWHERE]:
            raise SourceFailed(
                "no line has a time, neither in any of evidence.logs.time_fields nor at its beginning; "
                "name the field that has it"
            )


def _write(first: bytes, rest: Iterator[bytes], file: File) -> None:
    file.write(first)
    for piece in rest:
        if file.full:
            file.write(piece)  # says itself that it is cut off
            return
        file.write(piece)


class Lines:
    """Goes through the lines of one file; `counts` says what they were."""

    def __init__(self, reading: Reading, window: Window, counts: Counter[str], ids: Ids) -> None:
        self._reading = reading
        self._window = window
        self._counts = counts
        self._ids = ids
        self._kept_last = False

    def kept(self, source: Opened) -> Iterator[bytes]:
        """Yield the lines of the window, many at once. Raises SourceFailed where the file cannot be read to its end."""
        held: list[bytes] = []
        size = 0
        for line in lines(source):
            if self._keeps(line):
                held.append(line)
                size += len(line)
            if size >= PIECE:
                yield b"".join(held)
                held, size = [], 0
        if held:
            yield b"".join(held)

    def _keeps(self, line: bytes) -> bool:
        fields = parsed(line)
        at = time_of(fields, self._reading.time_fields, self._reading.zone) if fields is not None else None
        if fields is None:
            self._counts["not JSON"] += 1
            fields = logfmt(line) if b"=" in line else None
            at = time_of(fields, self._reading.time_fields, self._reading.zone) if fields else None
            at = at or time_in(line, self._reading.zone, self._window.end)
        if at is None:
            self._counts["without a time"] += 1
            return self._kept_last and self._reading.keep_untimed
        self._kept_last = self._window.holds(at)
        self._counts[IN_TIME if self._kept_last else ELSEWHERE] += 1
        if self._kept_last:
            self._ids.take(fields or {})
            self._counts["without any field of the standard"] += not any(name in (fields or {}) for name in STANDARD)
        return self._kept_last


def lines(source: Opened) -> Iterator[bytes]:
    """Yield the lines of a plain or gzipped file with their ends; a line that is longer than can be comes in pieces."""
    rest = b""
    for piece in _unpacked(source):
        whole = (rest + piece).split(b"\n")
        rest = whole.pop()
        for line in whole:
            yield line + b"\n"
        while len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE]
            rest = rest[LONGEST_LINE:]
    if rest:
        yield rest + b"\n"


def _unpacked(source: Opened) -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked where they are gzip's: by what they begin with, names may lie."""
    try:
        if source.file.peek(2)[:2] == GZIP:
            with gzip.GzipFile(fileobj=source.file) as unpacked:
                while piece := unpacked.read(PIECE):
                    yield piece
        else:
            yield from source.pieces()
    except (OSError, EOFError, zlib.error) as error:
        raise SourceFailed(f"cannot be read to its end: {error}") from error
