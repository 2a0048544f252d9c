"""The ZIP file that evidence is kept in. The same files give the same bytes, and the last 64 bytes seal the rest.

Nothing in it depends on when, where or by whom it was made. The seal is the archive's comment: the SHA-256 of every
byte before it, in hex.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SEAL_LENGTH = 64
PIECE = 1024 * 1024
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP file can have; every entry has it."""
_UNIX = 3
_PLAIN_FILE = 0o100444 << 16


@dataclass(frozen=True, slots=True)
class Packed:
    """One file to be packed, by its path in the archive."""

    path: str
    content: Path


def pack(target: BinaryIO, files: list[Packed]) -> str:
    """Write the files in order and return the SHA-256 of the archive in hex. Raises OSError.

    `target` is readable, writable and seekable; what was in it is lost.
    """
    with zipfile.ZipFile(target, "w") as archive:
        archive.comment = b"0" * SEAL_LENGTH
        for file in files:
            entry = entry_of(file.path, file.content.stat().st_size)
            with file.content.open("rb") as content, archive.open(entry, "w") as packed:
                shutil.copyfileobj(content, packed, PIECE)
    target.seek(0, 2)
    body = target.tell() - SEAL_LENGTH
    digest = digest_of(target, body)
    seal = digest.hexdigest().encode()
    target.seek(body)
    target.write(seal)
    target.flush()
    digest.update(seal)
    return digest.hexdigest()


def entry_of(path: str, size: int) -> zipfile.ZipInfo:
    """Return the ZIP entry of a file; whatever depends on a machine or a moment is the same everywhere."""
    entry = zipfile.ZipInfo(path, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = _UNIX
    entry.external_attr = _PLAIN_FILE
    entry.file_size = size
    return entry


def digest_of(file: BinaryIO, length: int) -> "hashlib._Hash":
    """Return the SHA-256 of the first `length` bytes; more can be added to it."""
    digest = hashlib.sha256()
    file.seek(0)
    for piece in pieces(file, length):
        digest.update(piece)
    return digest


def pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    """Yield the next `length` bytes in pieces, fewer if the file ends before."""
    while length > 0 and (piece := file.read(min(PIECE, length))):
        length -= len(piece)
        yield piece
