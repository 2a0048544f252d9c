"""What must not be in a document or in evidence: secrets and personal data (the standard, section 10).

Takes time in proportion to the length of the text. Knows nothing of Markdown, so that evidence can use it as well.
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
    """Something sensitive in a text, from `start` up to `end`, counted from 0; `name` says what it looks like."""

    kind: SensitiveKind
    name: str
    start: int
    end: int


# Full-width letters, digits and signs, and all kinds of hyphens, as the ASCII ones that they stand for, one for one.
_NARROW = (
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | {0x3000: 0x20}
    | dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), 0x2D)
)
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def find_sensitive(text: str) -> list[Sensitive]:
    """Return what is sensitive in a text, in order and without overlaps; of two at the same place the more specific."""
    narrow = text if text.isascii() else text.translate(_NARROW)
    lower = _lowered(narrow)
    found = [one for detector in DETECTORS for one in _found(detector, narrow, lower)]
    found += _numbers(narrow)
    found.sort(key=lambda one: one.start)  # stable: the specific detectors come first
    return _apart(found)


def _lowered(text: str) -> str:
    """Return a text in lower case and of the same length, which some letters of other alphabets would change."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text.translate(_LOWER)


def _found(detector: Detector, text: str, lower: str) -> Iterator[Sensitive]:
    """Yield what a detector finds; it looks only where one of its anchors is."""
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
    """Return the match that has the anchor at a place in it; others may end before."""
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


def _apart(found: list[Sensitive]) -> list[Sensitive]:
    """Keep the first of those that overlap; where a secret goes on behind it, so far that no rest of it is left."""
    apart: list[Sensitive] = []
    for one in found:
        last = apart[-1] if apart else None
        if last is None or one.start >= last.end:
            apart.append(one)
        elif one.end > last.end and one.kind is SensitiveKind.SECRET:
            apart[-1] = Sensitive(last.kind, last.name, last.start, one.end)
    return apart


def redact(text: str) -> tuple[str, Counter[str]]:
    """Return a text with everything sensitive replaced by what it was, and how often each of them was there.

    Of a private key everything up to its last line is taken out, and all that follows where it has none.
    """
    counted: Counter[str] = Counter()
    kept: list[str] = []
    at = 0
    for one in find_sensitive(text):
        if one.start < at:
            continue
        counted[one.name] += 1
        kept += [text[at : one.start], f"[{one.name} removed]"]
        at = _end_of_key(text, one.end) if one.name == PRIVATE_KEY else one.end
    return "".join([*kept, text[at:]]), counted


def _end_of_key(text: str, after: int) -> int:
    match = KEY_END.search(text, after)
    return match.end() if match else len(text)
