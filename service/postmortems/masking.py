"""Code and comments blanked out of a document's lines, in place, so that what is left keeps its line and column."""

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
    """Take the comments out of a text; one that is not closed goes on to the end."""
    masked = without_code_spans(text)
    kept, at = [], 0
    while begin := _BEGIN.search(masked, at):
        kept.append(text[at : begin.start()])
        end = text.find(CLOSE, begin.end())
        at = end + len(CLOSE) if end >= 0 else len(text)
    return "".join([*kept, text[at:]])


class _Masking:
    """Goes from line to line; a comment may begin on one and end on another."""

    def __init__(self) -> None:
        self.comments: list[Text] = []
        self._begun: list[Text] = []

    def prose(self, line: str, number: int) -> str:
        """Return the line with code spans and comments as spaces."""
        kept: list[str] = []
        text, at = line, 0
        if self._begun:
            at = self._end(line, 0, number)
            kept.append(" " * at)
        text = line[:at] + without_code_spans(line[at:])
        while at < len(text):
            begin = _BEGIN.search(text, at)
            if begin is None:
                kept.append(text[at:])
                break
            self._begun = [Text("", number, begin.start() + 1)]
            end = self._end(line, begin.end(), number)
            kept += [text[at : begin.start()], " " * (end - begin.start())]
            at = end
        return "".join(kept)

    def _end(self, line: str, at: int, number: int) -> int:
        """Take in what belongs to the comment that has begun; returns where the line goes on after it."""
        end = line.find(CLOSE, at)
        self._begun.append(Text(line[at : end if end >= 0 else len(line)], number, at + 1))
        if end < 0:
            return len(line)
        first, *pieces = self._begun
        self.comments.append(Text("\n".join(piece.text for piece in pieces), first.line, first.column))
        self._begun = []
        return end + len(CLOSE)


def without_code_spans(line: str) -> str:
    """Blank out what stands between two runs of equally many backticks (CommonMark, "Code spans")."""
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
