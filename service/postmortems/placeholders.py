"""Placeholders that a template leaves for people to fill in.

A placeholder is `{…}` within one line; braces in a path or an expression (`/orders/{id}`, `up{job}`) do not count.
"""

import re
from collections.abc import Iterator

_PLACEHOLDER = re.compile(
    r"(?<![A-Za-z0-9_$/.-])\{[^{}\n\"=$]{1,80}\}(?![A-Za-z0-9_/.])"
    r"|(?<![A-Za-z0-9_])(?:TBD|TODO|FIXME|T\.B\.D\.|YYYY-MM-DD|YYYYMMDD|Sev-X|Draft \| Final)(?![A-Za-z0-9_])"
    r"|未記入|要記入|記入してください|（記入）|後で記入|§x\.x"
    r"|(?:(?<=[:：])|(?<=[:：] ))(?:\.{3}|…)(?=\s*$)"
    r"|何が起きたか（1〜3行）|5 Whys / 因果（|手順/レビュー/権限/ゲート|ブローカー/ネットワーク/時刻"
)
_NOT_APPLICABLE = re.compile(
    r"該当なし|該当せず|対象外|なし|(?<![A-Za-z])(?:n/a|none|not applicable)(?![A-Za-z])", re.IGNORECASE
)


def placeholders(text: str) -> Iterator[re.Match[str]]:
    """Yield the placeholders of a text. The last alternatives are guidance from the standard's own template."""
    return _PLACEHOLDER.finditer(text)


def has_placeholder(text: str) -> bool:
    """Return whether something is left to fill in."""
    return _PLACEHOLDER.search(text) is not None


def is_not_applicable(text: str) -> bool:
    """Return whether a text states that there is nothing to report, which is a valid answer."""
    return _NOT_APPLICABLE.search(text) is not None
