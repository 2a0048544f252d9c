"""Text from outside as one line, without characters that move, hide or reverse the text beside it."""

import re

# Control characters, and those that turn the direction of writing; emoji need the other invisible ones.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")

LONGEST_TITLE = 200
LONGEST_NOTE = 500


def one_line(text: str) -> str:
    """Return a text as one line of visible characters."""
    return " ".join(_INVISIBLE.sub(" ", text).split())


def shortened(line: str, longest: int) -> str:
    """Truncate a line, marking the cut with an ellipsis."""
    return line if len(line) <= longest else line[: longest - 1] + "…"
