"""Verifies an archive: that every byte is as it was written, and that its files are exactly those of its manifest."""

import errno
import hashlib
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from service.evidence.archive import PIECE, SEAL_LENGTH, digest_of, entry_of, pieces
from service.evidence.collecting import SIDECAR
from service.evidence.manifest import FORMAT, NAME, contents_digest
from service.evidence.paths import is_safe
from service.printable import printable

MAX_MANIFEST = 256 * 1024 * 1024
_INCIDENT_ID = re.compile(r"INC-[1-9][0-9]{0,17}")
_LONGEST_SIDECAR = 1024
_LOCAL_HEADER = 30
_CENTRAL_HEADER = 46
_END = 22
_END_64 = 56 + 20
_UTC = ZoneInfo("UTC")
_SAME = ("date_time", "compress_type", "create_system", "external_attr", "internal_attr", "comment", "flag_bits")


@dataclass(frozen=True, slots=True)
class Verification:
    """The result: `problems` is empty for a valid archive; the other fields are empty or 0 if they cannot be read.

    `zone` is the display zone of the service when the archive was collected.
    """

    sha256: str
    problems: tuple[str, ...]
    incident_id: str | None = None
    collected_at: str = ""
    zone: ZoneInfo = _UTC
    complete: bool = False
    files: int = 0

    @property
    def good(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


def verify(path: Path, expected: str | None = None) -> Verification:
    """Verify an archive, also against the digest in the file beside it, and against `expected`.

    Raises OSError if it cannot be read.
    """
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a seekable file")
        sha256, problems = _sealed(file)
        manifest: dict[str, Any] = {}
        try:
            with zipfile.ZipFile(file) as archive:
                for fault in _layout(file, archive):
                    raise _Unreadable(fault)  # it may have been built to do harm: nothing of it is unpacked
                manifest = _manifest(archive)
                problems += list(_contents(file, archive, manifest))
        except _Unreadable as error:
            problems.append(str(error))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            problems.append(f"cannot be read as an archive: {error}")
        except (AttributeError, KeyError, TypeError, RuntimeError):
            problems.append(f"{NAME} is not a valid manifest")
    problems += _mismatch("the expected digest", sha256, expected)
    problems += _mismatch(f"the one in {path.name}{SIDECAR}", sha256, _sidecar_digest(path))
    return Verification(
        sha256=sha256,
        problems=tuple(dict.fromkeys(problems)),
        incident_id=_incident_id(manifest),
        collected_at=printable(_text(manifest, "collected_at") or ""),
        zone=_zone(manifest),
        complete=manifest.get("complete") is True,
        files=len(manifest.get("files") or ()),
    )


class _Unreadable(Exception):
    """The rest cannot be verified; the text says why."""


def _sealed(file: BinaryIO) -> tuple[str, list[str]]:
    """Return the SHA-256 of the file, and what is wrong with its seal: any changed byte shows here."""
    body = max(file.seek(0, 2) - SEAL_LENGTH, 0)
    digest = digest_of(file, body)
    seal = file.read(SEAL_LENGTH + 1)
    intact = seal == digest.hexdigest().encode()
    digest.update(seal)
    return digest.hexdigest(), [] if intact else ["the seal is broken: bytes were changed, added or removed"]


def _layout(file: BinaryIO, archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield what `pack` never writes: gaps, hidden bytes, other attributes."""
    at = directory = 0
    for entry in archive.infolist():
        expected = entry_of(entry.filename, entry.file_size)
        expected.flag_bits = 0 if entry.filename.isascii() else 0x800
        if not is_safe(entry.filename):
            yield f"{entry.filename!r} is not a safe name: unpacked, it could end up outside its folder"
        if any(getattr(entry, name) != getattr(expected, name) for name in _SAME):
            yield f"{entry.filename!r} has other ZIP attributes than this program writes"
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER)
        name = entry.filename.encode()
        lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        if entry.header_offset != at or lengths[0] != len(name) or file.read(lengths[0]) != name:
            yield f"{entry.filename!r} does not directly follow the entry before it"
        at = entry.header_offset + _LOCAL_HEADER + sum(lengths) + entry.compress_size
        directory += _CENTRAL_HEADER + len(name) + len(entry.extra)
    ends = {archive.start_dir + directory + end + SEAL_LENGTH for end in (_END, _END + _END_64)}
    if at != archive.start_dir or file.seek(0, 2) not in ends or len(archive.comment) != SEAL_LENGTH:
        yield "there are bytes that do not belong to any file"


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    names = archive.namelist()
    if not names or names[0] != NAME:
        raise _Unreadable(f"{NAME} is not its first file")
    if archive.infolist()[0].file_size > MAX_MANIFEST:
        raise _Unreadable(f"{NAME} is larger than any that this program writes")
    manifest = json.loads(archive.read(archive.infolist()[0]))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _Unreadable(f"{NAME} does not have format {FORMAT}; verify it with the version that wrote it")
    return manifest


def _contents(file: BinaryIO, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> Iterator[str]:
    """Compare the files with the manifest, one by one, in its order."""
    incident_id = manifest.get("incident_id")
    if incident_id is not None and not (isinstance(incident_id, str) and _INCIDENT_ID.fullmatch(incident_id)):
        yield "incident_id is not the id of an incident"
    listed = {str(file["path"]): file for file in manifest["files"]}
    names = [entry.filename for entry in archive.infolist()[1:]]
    for path in sorted(listed.keys() - set(names)):
        yield f"{path!r} is missing"
    for path in sorted(set(names) - listed.keys()):
        yield f"{path!r} is not in the manifest"
    if len(names) != len(set(names)) or len(listed) != len(manifest["files"]):
        yield "a file is in it twice"
    if not (set(names) ^ listed.keys()) and names != list(listed):
        yield "the files are in another order than in the manifest"
    for entry in archive.infolist()[1:]:
        collected = listed.get(entry.filename)
        if collected is not None and _digest(file, entry) != (collected["sha256"], collected["size"]):
            yield f"{entry.filename!r} is not the file that was collected"
    if contents_digest([(str(f["path"]), str(f["sha256"])) for f in manifest["files"]]) != manifest["contents_sha256"]:
        yield "contents_sha256 does not match the files"


def _digest(file: BinaryIO, entry: zipfile.ZipInfo) -> tuple[str, int]:
    """Return the SHA-256 and the size of a file, unpacked in pieces; ("", -1) if it cannot be unpacked.

    Python's own reader stops at the declared size; others go on, and would unpack what nothing verified.
    """
    digest, size, crc = hashlib.sha256(), 0, 0
    try:
        for piece in _unpacked(file, entry):
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            digest.update(piece)
            if size > entry.file_size:
                return "", -1
    except zlib.error:
        return "", -1
    return (digest.hexdigest(), size) if (size, crc) == (entry.file_size, entry.CRC) else ("", -1)


def _unpacked(file: BinaryIO, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file. Raises zlib.error if its data does not end where the entry does."""
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER)
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    for packed in pieces(file, entry.compress_size):
        rest = packed
        while (piece := unpacking.decompress(rest, PIECE)) or unpacking.unconsumed_tail:
            yield piece
            rest = unpacking.unconsumed_tail
    if not unpacking.eof or unpacking.unused_data:
        raise zlib.error("the compressed data does not end where it should")


def _sidecar_digest(path: Path) -> str | None:
    try:
        with path.with_name(path.name + SIDECAR).open(encoding="utf-8") as sidecar:
            return sidecar.read(_LONGEST_SIDECAR).split(" ", 1)[0].strip()
    except FileNotFoundError:
        return None
    except ValueError:
        return ""


def _mismatch(what: str, sha256: str, expected: str | None) -> list[str]:
    if expected is None or expected.casefold() == sha256:
        return []
    return [f"its SHA-256 does not match {what}"]


def _incident_id(manifest: dict[str, Any]) -> str | None:
    """Return the incident's id if it is a valid one."""
    value = _text(manifest, "incident_id")
    return value if value is not None and _INCIDENT_ID.fullmatch(value) else None


def _zone(manifest: dict[str, Any]) -> ZoneInfo:
    try:
        return ZoneInfo(manifest["window"]["display_timezone"])
    except (KeyError, TypeError, ValueError, OSError):
        return _UTC


def _text(manifest: dict[str, Any], key: str) -> str | None:
    value = manifest.get(key)
    return value if isinstance(value, str) else None
