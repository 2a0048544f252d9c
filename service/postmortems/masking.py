"""Blanks out code and comments in place, so that the remaining text keeps its lines and columns."""

import re
from collections import defaultdict, deque
from collections.abc import Collection, Sequence

from service.postmortems.document import Text

OPEN, CLOSE = "<!--", "-->"
_BEGIN = re.compile(rf"(?<!\\){OPEN}")
_TICKS = re.compile("`+")


def mask(lines: Sequence[str], code: Collection[int]) -> tuple[tuple[str, ...], tuple[Text, ...]]:
    """Return the lines without code and comments, and the comments. `code` holds the lines of code blocks, from 0."""
    masking = _Masking()
    prose = tuple("" if index in code else masking.prose(line, index + 1) for index, line in enumerate(lines))
    return prose, tuple(masking.comments)


def without_comments(text: str) -> str:
    """Remove the comments from a text; an unclosed one extends to the end."""
    masked = without_code_spans(text)
    kept, at = [], 0
    while begin := _BEGIN.search(masked, at):
        kept.append(text[at : begin.start()])
        end = text.find(CLOSE, begin.end())
        at = end + len(CLOSE) if end >= 0 else len(text)
    return "".join([*kept, text[at:]])


class _Masking:
    """Processes line by line; a comment may start on one line and end on another."""

    def __init__(self) -> None:
        self.comments: list[Text] = []
        self._comment_lines: list[Text] = []

    def prose(self, line: str, number: int) -> str:
        """Return the line with code spans and comments as spaces."""
        kept: list[str] = []
        text, at = line, 0
        if self._comment_lines:
            at = self._end(line, 0, number)
            kept.append(" " * at)
        text = line[:at] + without_code_spans(line[at:])
        while at < len(text):
            begin = _BEGIN.search(text, at)
            if begin is None:
                kept.append(text[at:])
                break
            self._comment_lines = [Text("", number, begin.start() + 1)]
            end = self._end(line, begin.end(), number)
            kept += [text[at : begin.start()], " " * (end - begin.start())]
            at = end
        return "".join(kept)

    def _end(self, line: str, at: int, number: int) -> int:
        """Add the line to the open comment; returns the index at which the line continues after it."""
        end = line.find(CLOSE, at)
        self._comment_lines.append(Text(line[at : end if end >= 0 else len(line)], number, at + 1))
        if end < 0:
            return len(line)
        first, *pieces = self._comment_lines
        self.comments.append(Text("\n".join(piece.text for piece in pieces), first.line, first.column))
        self._comment_lines = []
        return end + len(CLOSE)


def without_code_spans(line: str) -> str:
    """Blank out code spans: the text between two runs of equally many backticks (CommonMark, "Code spans")."""
    runs = list(_TICKS.finditer(line))
    ahead: defaultdict[int, deque[int]] = defaultdict(deque)
    for number, run in enumerate(runs):
        ahead[len(run[0])].append(number)
    kept: list[str] = []
    at = number = 0
    while number < len(runs):
        same = ahead[len(runs[number][0])]
        while same and same[0] <= number:
            same.popleft()
        if same:
            start, end = runs[number].start(), runs[same[0]].end()
            kept += [line[at:start], " " * (end - start)]
            at, number = end, same[0]
        number += 1
    return "".join([*kept, line[at:]])
