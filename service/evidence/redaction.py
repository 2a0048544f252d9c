"""Takes what is sensitive out of a stream of text, in small memory, however long it or one of its lines is."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.postmortems.sensitive import KEY_END, PRIVATE_KEY, find_sensitive

BLOCK = 256 * 1024
"""How many characters are looked at together, at least, where lines are short."""
LONGEST_LINE = 1024 * 1024
"""A line beyond this is worked on in pieces."""
LONGEST_SECRET = 20_000
"""What is held back at the end of a piece of a line, so that nothing sensitive is cut in two."""
LONGEST_HEAD = 300
"""How far before a secret that begins which gives it away (`password = `, the host of an address)."""
MOST_KEY_LINES = 500
"""After this many lines without its end a private key is taken to be over: somebody only mentioned one."""
CONFIGURED = "configured"
"""The kind of what only the configured patterns find."""

Patterns = Mapping[str, re.Pattern[str]]
Counts = Counter[tuple[str, str]]
"""How often something was taken out, by kind and name."""


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    name: str
    start: int
    end: int


class Redaction:
    """What is looked for: what the check of documents looks for, and what is configured besides."""

    def __init__(self, patterns: Patterns | None = None) -> None:
        self._patterns = patterns or {}

    def find(self, text: str) -> list[_Found]:
        """Return what has to go, in order and without overlaps."""
        found = [_Found(one.kind.value, one.name, one.start, one.end) for one in find_sensitive(text)]
        if not self._patterns:
            return found
        found += self._configured(text)
        found.sort(key=lambda one: one.start)
        return list(_apart(found))

    def clean(self, text: str, counts: Counts) -> str:
        """Return a short text without what is sensitive, and count what was taken out."""
        stream = Stream(self, counts)
        return stream.feed(text) + stream.end()

    def _configured(self, text: str) -> Iterator[_Found]:
        for name, pattern in self._patterns.items():
            group = 1 if pattern.groups else 0
            for match in pattern.finditer(text):
                if match.end(group) > match.start(group):
                    yield _Found(CONFIGURED, name, match.start(group), match.end(group))


def _apart(found: list[_Found]) -> Iterator[_Found]:
    """Keep the first of those that overlap, as long as the longest of them, so that no rest of one is left."""
    last: _Found | None = None
    for one in found:
        if last is not None and one.start < last.end:
            last = _Found(last.kind, last.name, last.start, max(last.end, one.end))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


class Stream:
    """One text on its way. What `feed` and `end` return is clean; nothing that spans two calls is missed."""

    def __init__(self, redaction: Redaction, counts: Counts) -> None:
        self._redaction = redaction
        self._counts = counts
        self._held: list[str] = []
        self._length = 0
        self._look_from = BLOCK
        self._key_lines_left = 0

    def feed(self, text: str) -> str:
        """Take in some text and return what is ready."""
        self._held.append(text)
        self._length += len(text)
        if self._length < self._look_from:
            return ""
        whole = "".join(self._held)
        cut = whole.rfind("\n") + 1
        if not cut and self._length >= LONGEST_LINE:
            cut = self._cut_in_line(whole)
        self._held, self._length = [whole[cut:]], len(whole) - cut
        self._look_from = self._length + BLOCK
        return self._clean(whole[:cut])

    def end(self) -> str:
        """Return what was held back."""
        rest, self._held, self._length = "".join(self._held), [], 0
        return self._clean(rest)

    def _cut_in_line(self, text: str) -> int:
        """Return where a long line may be cut: not in what is sensitive, nor in what gives it away."""
        cut = len(text) - LONGEST_SECRET
        for one in reversed(self._redaction.find(text)):
            if one.end > cut > one.start - LONGEST_HEAD:
                cut = max(one.start - LONGEST_HEAD, 0)
        return cut

    def _clean(self, text: str) -> str:
        kept: list[str] = []
        at = self._after_key(text, 0) if self._key_lines_left else 0
        for one in self._redaction.find(text):
            if one.end <= at:
                continue
            kept += [text[at : one.start], f"[{one.name} removed]"]
            self._counts[one.kind, one.name] += 1
            at = one.end
            if one.name == PRIVATE_KEY:
                self._key_lines_left = MOST_KEY_LINES
                at = self._after_key(text, at)
        return "".join([*kept, text[at:]])

    def _after_key(self, text: str, at: int) -> int:
        """Return where a private key that has begun is over; of one that goes on, its lines are counted."""
        limit = at
        while self._key_lines_left:
            line_end = text.find("\n", limit) + 1
            found = KEY_END.search(text, limit, line_end or len(text))
            if found:
                self._key_lines_left = 0
                return found.end()
            if not line_end:
                return len(text)
            limit, self._key_lines_left = line_end, self._key_lines_left - 1
        return limit
