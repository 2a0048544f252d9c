"""Finds what must not be in a document or in evidence: secrets and personal data (the standard, section 10).

The time is proportional to the length of the text. Independent of Markdown, so that evidence uses it too.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from service.postmortems.detector import Detector, SensitiveKind
from service.postmortems.detectors import DETECTORS
from service.postmortems.numbers import DIGITS, ENOUGH, NUMBERS
from service.postmortems.token_shapes import KEY_END, PRIVATE_KEY

__all__ = ["KEY_END", "PRIVATE_KEY", "Sensitive", "SensitiveKind", "find_sensitive", "redact"]


@dataclass(frozen=True, slots=True)
class Sensitive:
    """A sensitive value in a text, from `start` up to `end`, counted from 0; `name` describes it."""

    kind: SensitiveKind
    name: str
    start: int
    end: int


# Maps full-width characters and all kinds of hyphens to ASCII, one to one.
_NARROW = (
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | {0x3000: 0x20}
    | dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), 0x2D)
)
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def find_sensitive(text: str) -> list[Sensitive]:
    """Return the sensitive values of a text, in order and without overlaps; the more specific of two matches wins."""
    narrow = text if text.isascii() else text.translate(_NARROW)
    lower = _lowered(narrow)
    values = [value for detector in DETECTORS for value in _matches(detector, narrow, lower)]
    values += _numbers(narrow)
    values.sort(key=lambda value: value.start)  # stable: the specific detectors come first
    return _without_overlaps(values)


def _lowered(text: str) -> str:
    """Return a text in lower case with the same length, which lowering some letters would change."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text.translate(_LOWER)


def _matches(detector: Detector, text: str, lower: str) -> Iterator[Sensitive]:
    """Yield the matches of a detector; only the surroundings of its anchors are searched."""
    where = lower if detector.folded else text
    for anchor in detector.anchors:
        done = 0
        at = where.find(anchor)
        while at >= 0:
            match = _around(detector, text, at, done) if detector.back else detector.pattern.match(text, at)
            if match and detector.holds(match):
                group = match.lastindex or 0
                yield Sensitive(detector.kind, detector.name, match.start(group), match.end(group))
                done = match.end(group)
            at = where.find(anchor, max(at + 1, done))


def _around(detector: Detector, text: str, at: int, done: int) -> re.Match[str] | None:
    """Return the match that contains the anchor."""
    match = detector.pattern.search(text, max(at - detector.back, done), at + detector.reach)
    while match and match.end() <= at:
        match = detector.pattern.search(text, match.end(), at + detector.reach)
    return match


def _numbers(text: str) -> Iterator[Sensitive]:
    for stretch in DIGITS.finditer(text):
        if not ENOUGH.match(text, stretch.start()):
            continue
        begin, end = max(stretch.start() - 2, 0), stretch.end() + 2
        for detector in NUMBERS:
            for match in detector.pattern.finditer(text, begin, end):
                if detector.holds(match):
                    yield Sensitive(detector.kind, detector.name, match.start(1), match.end(1))


def _without_overlaps(values: list[Sensitive]) -> list[Sensitive]:
    """Keep the first of overlapping values, extended to the end of an overlapping secret so that nothing remains."""
    separate: list[Sensitive] = []
    for value in values:
        last = separate[-1] if separate else None
        if last is None or value.start >= last.end:
            separate.append(value)
        elif value.end > last.end and value.kind is SensitiveKind.SECRET:
            separate[-1] = Sensitive(last.kind, last.name, last.start, value.end)
    return separate


def redact(text: str) -> tuple[str, Counter[str]]:
    """Return a text with every sensitive value replaced by its name, and the number of replacements by name.

    A private key is removed up to its last line, or up to the end of the text if that line is missing.
    """
    counts: Counter[str] = Counter()
    kept: list[str] = []
    at = 0
    for value in find_sensitive(text):
        if value.start < at:
            continue
        counts[value.name] += 1
        kept += [text[at : value.start], f"[{value.name} removed]"]
        at = _end_of_key(text, value.end) if value.name == PRIVATE_KEY else value.end
    return "".join([*kept, text[at:]]), counts


def _end_of_key(text: str, after: int) -> int:
    match = KEY_END.search(text, after)
    return match.end() if match else len(text)
