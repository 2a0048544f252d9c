"""Files that patterns match: below their root once links are followed, plain files only, opened without waiting."""

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

from service.evidence.source import Box, File, SourceFailed

PIECE = 256 * 1024
MOST_FILES = 5_000
"""How many files of one pattern are read; what matches more of them was not meant so."""
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SAFE_VALUE = re.compile(r"[\w][\w .:@+-]{0,199}")


@dataclass(frozen=True, slots=True)
class Matched:
    """A file that may be read: `path` as it was found, `real` where it lies, `inside` its name below the root."""

    path: Path
    real: Path
    inside: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A plain file that is open for reading; what is appended after `size` bytes is left out."""

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
        """Say what is missing because the file was written to meanwhile; empty: nothing."""
        more = os.fstat(self.file.fileno()).st_size - self.size
        if more > 0:
            return f"the file grew while it was read: its last {more} bytes are left out"
        return "the file became shorter while it was read" if more < 0 else ""


def filled_in(pattern: str, values: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the pattern with every combination of what its placeholders may be, none where one has no value.

    A value stays one part of a path: with a slash, or where it begins with a dot, it is left out.
    """
    found = [pattern]
    for name in dict.fromkeys(_PLACEHOLDER.findall(pattern)):
        usable = sorted(value for value in values.get(name, ()) if _SAFE_VALUE.fullmatch(value))
        found = [one.replace(f"{{{name}}}", glob.escape(value)) for one in found for value in usable]
    return found


def unusable(values: Iterable[str]) -> list[str]:
    """Return the values that no pattern takes."""
    return sorted(value for value in values if not _SAFE_VALUE.fullmatch(value))


def root_of(pattern: str) -> Path:
    """Return the folder that a pattern begins with, up to its first wildcard or placeholder."""
    parts = PurePosixPath(pattern).parts
    fixed = next((at for at, part in enumerate(parts) if re.search(r"[*?\[{]", part)), len(parts) - 1)
    return Path(*parts[:fixed])


def matched(pattern: str, root: Path, roots: Sequence[Path], box: Box) -> Iterator[Matched]:
    """Yield the files that a pattern matches, by name; `roots`: where they may lie, none: below `root`.

    What leads elsewhere, or is no plain file, is noted. Folders are passed over in silence: patterns match them too.
    """
    if ".." in PurePosixPath(pattern).parts:
        raise SourceFailed(f"{pattern}: patterns with .. are refused")
    allowed = [_real(folder) for folder in roots or [root]]
    for number, name in enumerate(sorted(glob.iglob(pattern, recursive=True))):  # noqa: PTH207 - Path.glob needs a root
        path = Path(name)
        if number >= MOST_FILES:
            box.failed(pattern, f"matches more than {MOST_FILES} files; the rest is left out: make it narrower")
            return
        try:
            real = path.resolve(strict=True)
            kind = real.stat().st_mode
        except (OSError, RuntimeError) as error:
            box.failed(name, f"cannot be read: {_why(error)}")
            continue
        if stat.S_ISDIR(kind):
            continue
        if not any(real.is_relative_to(folder) for folder in allowed):
            box.failed(name, f"leads to {real}, outside of {allowed[0]}; name that folder under roots if it is meant")
        elif not stat.S_ISREG(kind):
            box.failed(name, "is no plain file")
        else:
            yield Matched(path, real, _inside(path, root))


@contextmanager
def opened(found: Matched) -> Iterator[Opened]:
    """Open a file. Raises SourceFailed; one that was exchanged for a pipe or a link since it was found is refused."""
    try:
        descriptor = os.open(found.real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SourceFailed(f"cannot be read: {_why(error)}") from error
    with os.fdopen(descriptor, "rb") as file:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode):
            raise SourceFailed("is no plain file")
        yield Opened(file, told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))


def copy(source: Opened, file: File) -> str:
    """Write a file's bytes as far as there is room, and return their SHA-256 as they are on disk.

    Notes where the file grew or shrank meanwhile. Raises SourceFailed.
    """
    digest = hashlib.sha256()
    try:
        for piece in source.pieces():
            digest.update(piece)
            file.write(piece)
    except OSError as error:
        raise SourceFailed(f"cannot be read to its end: {_why(error)}") from error
    if source.grown:
        file.truncated(source.grown)
    return digest.hexdigest()


def _real(folder: Path) -> Path:
    return folder.resolve()


def _inside(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
