"""Files that patterns match: below their root once links are followed, regular files only, opened without blocking."""

import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path, PurePosixPath

from service.evidence.staging import SourceFailed, SourceFiles, StagedFile

PIECE = 256 * 1024
MAX_FILES = 5_000
"""How many files of one pattern are read; a pattern that matches more is a mistake."""
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SAFE_VALUE = re.compile(r"[\w][\w .:@+-]{0,199}")


@dataclass(frozen=True, slots=True)
class Matched:
    """A file that may be read: `path` as it matched, `real` with links resolved, `inside` relative to the root."""

    path: Path
    real: Path
    inside: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A regular file, open for reading; what is appended after `size` bytes is left out."""

    file: BufferedReader
    size: int
    modified_at: datetime

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """Yield its bytes up to the size that it had when it was opened."""
        left = self.size
        while left > 0 and (piece := self.file.read(min(size, left))):
            left -= len(piece)
            yield piece

    @property
    def grown(self) -> str:
        """What is missing because the file was written to meanwhile, or ""."""
        more = os.fstat(self.file.fileno()).st_size - self.size
        if more > 0:
            return f"the file grew while it was read; its last {more} bytes are left out"
        return "the file became shorter while it was read" if more < 0 else ""


def filled_in(pattern: str, values: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the pattern with every combination of values for its placeholders, nothing if one has no value.

    A value stays one part of a path: one that has a slash or begins with a dot is left out.
    """
    patterns = [pattern]
    for name in dict.fromkeys(_PLACEHOLDER.findall(pattern)):
        usable = sorted(value for value in values.get(name, ()) if _SAFE_VALUE.fullmatch(value))
        patterns = [text.replace(f"{{{name}}}", glob.escape(value)) for text in patterns for value in usable]
    return patterns


def unusable(values: Iterable[str]) -> list[str]:
    """Return the values that cannot be part of a path."""
    return sorted(value for value in values if not _SAFE_VALUE.fullmatch(value))


def root_of(pattern: str) -> Path:
    """Return the folder that a pattern begins with, up to its first wildcard or placeholder."""
    parts = PurePosixPath(pattern).parts
    fixed = next((at for at, part in enumerate(parts) if re.search(r"[*?\[{]", part)), len(parts) - 1)
    return Path(*parts[:fixed])


def matched(pattern: str, root: Path, roots: Sequence[Path], files: SourceFiles) -> Iterator[Matched]:
    """Yield the files that a pattern matches, by name; they may lie below `roots`, or else below `root`.

    Links that lead elsewhere and special files are noted as failures. Folders are skipped: patterns match them too.
    """
    if ".." in PurePosixPath(pattern).parts:
        raise SourceFailed(f"{pattern}: patterns with .. are refused")
    allowed = [folder.resolve() for folder in roots or [root]]
    for number, name in enumerate(sorted(glob.iglob(pattern, recursive=True))):  # noqa: PTH207 - Path.glob needs a root
        path = Path(name)
        if number >= MAX_FILES:
            files.add_failure(pattern, f"matches more than {MAX_FILES} files; the rest is left out: narrow the pattern")
            return
        try:
            real = path.resolve(strict=True)
            kind = real.stat().st_mode
        except (OSError, RuntimeError) as error:
            files.add_failure(name, f"cannot be read: {_reason(error)}")
            continue
        if stat.S_ISDIR(kind):
            continue
        if not any(real.is_relative_to(folder) for folder in allowed):
            files.add_failure(name, f"leads to {real}, outside {allowed[0]}; add that folder to roots to allow it")
        elif not stat.S_ISREG(kind):
            files.add_failure(name, "is not a regular file")
        else:
            yield Matched(path, real, _inside(path, root))


@contextmanager
def opened(match: Matched) -> Iterator[Opened]:
    """Open a file. Raises SourceFailed, also if it was replaced by a pipe or a link since it matched."""
    try:
        descriptor = os.open(match.real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SourceFailed(f"cannot be read: {_reason(error)}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SourceFailed("is not a regular file")
        yield Opened(file, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def copy(source: Opened, file: StagedFile) -> str:
    """Write a file's bytes up to the size limit, and return the SHA-256 of the original.

    Notes if the file grew or shrank meanwhile. Raises SourceFailed.
    """
    digest = hashlib.sha256()
    try:
        for piece in source.pieces():
            digest.update(piece)
            file.write(piece)
    except OSError as error:
        raise SourceFailed(f"cannot be read to the end: {_reason(error)}") from error
    if source.grown:
        file.add_omission(source.grown)
    return digest.hexdigest()


def _inside(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
