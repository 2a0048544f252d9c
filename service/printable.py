"""Text from outside, before it is printed or logged: nothing in it moves a cursor, turns a line around or ends one."""

import json
import re
from typing import Any

# C0, DEL and C1, line and paragraph separators, marks that change the direction of writing, halves of surrogates.
_OBEYED = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_CONTROL = re.compile(f"[{_OBEYED}]")
_BESIDE_LINES = re.compile(f"(?![\n\t])[{_OBEYED}]")


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return a text with what a terminal would obey written out, such as \x1b; `lines`: line ends and tabs stay."""
    return (_BESIDE_LINES if lines else _CONTROL).sub(_written_out, text)


def printable_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON in which nothing but the indentation's line ends is obeyed; read again it is the same."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return _BESIDE_LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
