"""File names in an archive: they stay below the folder it is unpacked to, and no two are the same."""

import re
import unicodedata

LONGEST_PART = 120
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]')
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")


def safe(path: str) -> str:
    """Return a relative path that every system can unpack, as close to the original as possible."""
    parts = [_part(part) for part in path.split("/") if part not in ("", ".")]
    return "/".join(parts) or "_"


def is_safe(path: str) -> bool:
    """Return whether `safe` may have returned this path, apart from its length."""
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
    """Return the path, with ~2, ~3… if it is already taken in any case, and add it to `taken`."""
    stem, dot, ending = path.rpartition(".")
    if not dot or "/" in ending:
        stem, dot, ending = path, "", ""
    name, number = path, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}~{number}{dot}{ending}"
    taken.add(name.casefold())
    return name
