"""Reading files named by users, up to a maximum size whatever the name refers to (a pipe, /dev/zero)."""

import errno
from pathlib import Path
from typing import BinaryIO

MAX_TEXT = 8 * 1024 * 1024
"""The maximum size of a configuration, a secret, a template or a document."""


def read_bytes(path: Path, most: int = MAX_TEXT) -> bytes:
    """Return the bytes of a file. Raises OSError, also if there are more than `most`."""
    with path.open("rb") as file:
        return read_all(file, str(path), most)


def read_all(file: BinaryIO, name: str, most: int) -> bytes:
    """Return the rest of an open file. Raises OSError like `read_bytes`."""
    content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most // 1024**2} MB", name)
    return content


def read_text(path: Path) -> str:
    """Return a UTF-8 text, without a byte order mark. Raises OSError and UnicodeDecodeError."""
    return read_bytes(path).decode("utf-8-sig").replace("\r\n", "\n")
