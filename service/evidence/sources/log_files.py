"""Log files, JSON lines or plain text: the lines of the window, in little memory, from plain and gzipped files."""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from pathlib import Path

from service.evidence.sources.files import PIECE, Matched, Opened, filled_in, matched, opened, root_of
from service.evidence.sources.log_lines import STANDARD, Ids, parsed, time_of
from service.evidence.sources.text_lines import logfmt, time_in
from service.evidence.staging import SourceFailed, SourceFiles, StagedFile
from service.evidence.window import EvidenceWindow

LONGEST_LINE = 1024 * 1024
"""Longer lines are read in pieces that count as lines of their own."""
GZIP = b"\x1f\x8b"
IN_TIME = "in the window"
OUTSIDE = "outside of the window"
OLD = timedelta(hours=1)
"""A file that was last written this long before the window is not opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogParseOptions:
    """How lines are parsed; with `keep_untimed` a line without a time belongs to the one before it."""

    time_fields: Sequence[str]
    zone: tzinfo
    keep_untimed: bool


class LogFiles:
    """Log files by pattern."""

    def __init__(self, patterns: Sequence[str], roots: Sequence[Path], options: LogParseOptions) -> None:
        self._patterns = patterns
        self._roots = roots
        self._options = options

    def collect(self, window: EvidenceWindow, files: SourceFiles, ids: Ids) -> None:
        """Write each file's lines of the window, and note the ids in them."""
        env = [window.labels["env"]] if "env" in window.labels else []
        for pattern in self._patterns:
            names = filled_in(pattern, {"env": env})
            matches = [match for name in names for match in matched(name, root_of(pattern), self._roots, files)]
            if not names:
                files.add_failure(
                    pattern, "the incident has no label env that can be part of a path, which the pattern uses"
                )
            elif not matches:
                files.add_failure(pattern, "matches no file")
            for match in matches:
                try:
                    self._file(pattern, match, window, files, ids)
                except SourceFailed as error:
                    files.add_failure(str(match.path), str(error))

    def _file(self, pattern: str, match: Matched, window: EvidenceWindow, files: SourceFiles, ids: Ids) -> None:
        """Write one file's lines; a file without lines of the window is not in the archive."""
        counts: Counter[str] = Counter()
        with opened(match) as source, ExitStack() as stack:
            if source.modified_at < window.start - OLD:
                return
            kept = Lines(self._options, window, counts, ids).kept(source)
            first = next(kept, b"")
            if first:
                name = f"files/{match.inside.removesuffix('.gz')}"
                begun = files.text(name, query=pattern, modified_at=source.modified_at, notes=counts)
                file = stack.enter_context(begun)
                _write(first, kept, file)
                if source.grown:
                    file.add_omission(source.grown)
        if not first and counts and not counts[IN_TIME] and not counts[OUTSIDE]:
            raise SourceFailed(
                "no line has a time, neither in any of evidence.logs.time_fields nor at its beginning; "
                "add the field that has it to evidence.logs.time_fields"
            )


def _write(first: bytes, rest: Iterator[bytes], file: StagedFile) -> None:
    file.write(first)
    for piece in rest:
        if file.full:
            file.write(piece)  # notes the omission
            return
        file.write(piece)


class Lines:
    """Selects the lines of one file; `counts` has how many there are of each kind."""

    def __init__(self, options: LogParseOptions, window: EvidenceWindow, counts: Counter[str], ids: Ids) -> None:
        self._options = options
        self._window = window
        self._counts = counts
        self._ids = ids
        self._kept_last = False

    def kept(self, source: Opened) -> Iterator[bytes]:
        """Yield the lines of the window, many at once. Raises SourceFailed if the file cannot be read to the end."""
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
        at = time_of(fields, self._options.time_fields, self._options.zone) if fields is not None else None
        if fields is None:
            self._counts["not JSON"] += 1
            fields = logfmt(line) if b"=" in line else None
            at = time_of(fields, self._options.time_fields, self._options.zone) if fields else None
            at = at or time_in(line, self._options.zone, self._window.end)
        if at is None:
            self._counts["without a time"] += 1
            return self._kept_last and self._options.keep_untimed
        self._kept_last = self._window.contains(at)
        self._counts[IN_TIME if self._kept_last else OUTSIDE] += 1
        if self._kept_last:
            self._ids.take(fields or {})
            self._counts["without any field of the standard"] += not any(name in (fields or {}) for name in STANDARD)
        return self._kept_last


def lines(source: Opened) -> Iterator[bytes]:
    """Yield the lines of a plain or gzipped file with their ends; a line that is too long comes in pieces."""
    rest = b""
    for piece in _decompressed(source):
        whole = (rest + piece).split(b"\n")
        rest = whole.pop()
        for line in whole:
            yield line + b"\n"
        while len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE]
            rest = rest[LONGEST_LINE:]
    if rest:
        yield rest + b"\n"


def _decompressed(source: Opened) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed if they are gzip's; the first bytes tell, not the name."""
    try:
        if source.file.peek(2)[:2] == GZIP:
            with gzip.GzipFile(fileobj=source.file) as decompressed:
                while piece := decompressed.read(PIECE):
                    yield piece
        else:
            yield from source.pieces()
    except (OSError, EOFError, zlib.error) as error:
        raise SourceFailed(f"cannot be read to the end: {error}") from error
