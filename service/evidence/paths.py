"""Names of files in an archive: they stay below their folder wherever it is unpacked, and no two are the same."""

import re
import unicodedata

LONGEST_PART = 120
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]')
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")


def safe(path: str) -> str:
    """Return a relative path that every system can unpack, as near to the given one as can be."""
    parts = [_part(part) for part in path.split("/") if part not in ("", ".")]
    return "/".join(parts) or "_"


def is_safe(path: str) -> bool:
    """Say whether a path is one that `safe` may have returned, but for the length."""
    return all(
        part not in ("", ".", "..")
        and not _UNSAFE.search(part)
        and part == part.rstrip(" .")
        and not _RESERVED.fullmatch(part)
        for part in path.split("/")
    )


def _part(part: str) -> str:
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", part)).rstrip(" .") or "_"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    stem, dot, ending = name.rpartition(".")
    if len(name) <= LONGEST_PART:
        return name
    return (
        f"{stem[: LONGEST_PART - len(ending) - 1]}{dot}{ending}" if stem and len(ending) < 10 else name[:LONGEST_PART]
    )


def unique(path: str, taken: set[str]) -> str:
    """Return the path, or one with ~2, ~3… where it is taken already, in whatever case; and take it."""
    stem, dot, ending = path.rpartition(".")
    if not dot or "/" in ending:
        stem, dot, ending = path, "", ""
    found, number = path, 1
    while found.casefold() in taken:
        number += 1
        found = f"{stem}~{number}{dot}{ending}"
    taken.add(found.casefold())
    return found
