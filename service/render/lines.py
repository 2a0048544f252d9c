"""Texts of other people as one line: nothing in it that moves, hides or turns what stands beside it."""

import re

# Control characters, and those that turn the direction of writing; emoji need the other invisible ones.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def one_line(text: str) -> str:
    """Return a text as one line of visible characters."""
    return " ".join(_INVISIBLE.sub(" ", text).split())


def shortened(line: str, longest: int) -> str:
    """Cut a line, and show that something is missing."""
    return line if len(line) <= longest else line[: longest - 1] + "…"
