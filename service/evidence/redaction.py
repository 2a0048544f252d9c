"""Removes what is sensitive from a stream of text, in little memory, however long the text or one of its lines is."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.postmortems.sensitive import KEY_END, PRIVATE_KEY, find_sensitive

BLOCK = 256 * 1024
"""How many characters are searched at once, at least, if lines are short."""
LONGEST_LINE = 1024 * 1024
"""Longer lines are searched in pieces."""
LONGEST_SECRET = 20_000
"""How much is held back at the end of a piece of a line, so that nothing sensitive is cut in two."""
LONGEST_HEAD = 300
"""How far before a secret its context may begin (`password = `, the host of an address)."""
MAX_KEY_LINES = 500
"""A private key without an end is over after this many lines: the text only mentions one."""
CONFIGURED = "configured"
"""The kind of what the configured patterns match."""

Patterns = Mapping[str, re.Pattern[str]]
Counts = Counter[tuple[str, str]]
"""How often something was removed, by kind and name."""


@dataclass(frozen=True, slots=True)
class _Finding:
    kind: str
    name: str
    start: int
    end: int


class Redaction:
    """Searches for what `mttx postmortem lint` searches for, and for the configured patterns."""

    def __init__(self, patterns: Patterns | None = None) -> None:
        self._patterns = patterns or {}

    def find(self, text: str) -> list[_Finding]:
        """Return what must be removed, in order and without overlaps."""
        findings = [_Finding(match.kind.value, match.name, match.start, match.end) for match in find_sensitive(text)]
        if not self._patterns:
            return findings
        findings += self._configured(text)
        findings.sort(key=lambda finding: finding.start)
        return list(_without_overlaps(findings))

    def clean(self, text: str, counts: Counts) -> str:
        """Return a short text without what is sensitive, and count what was removed."""
        stream = Stream(self, counts)
        return stream.feed(text) + stream.end()

    def _configured(self, text: str) -> Iterator[_Finding]:
        for name, pattern in self._patterns.items():
            group = 1 if pattern.groups else 0
            for match in pattern.finditer(text):
                if match.end(group) > match.start(group):
                    yield _Finding(CONFIGURED, name, match.start(group), match.end(group))


def _without_overlaps(findings: list[_Finding]) -> Iterator[_Finding]:
    """Merge those that overlap into the first of them, so that no rest of one is left."""
    last: _Finding | None = None
    for finding in findings:
        if last is not None and finding.start < last.end:
            last = _Finding(last.kind, last.name, last.start, max(last.end, finding.end))
            continue
        if last is not None:
            yield last
        last = finding
    if last is not None:
        yield last


class Stream:
    """One text, piece by piece. What `feed` and `end` return is clean; nothing that spans two calls is missed."""

    def __init__(self, redaction: Redaction, counts: Counts) -> None:
        self._redaction = redaction
        self._counts = counts
        self._held: list[str] = []
        self._length = 0
        self._look_from = BLOCK
        self._key_lines_left = 0

    def feed(self, text: str) -> str:
        """Add text and return what is ready."""
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
        """Return where a long line may be cut: not inside what is sensitive, nor in its context."""
        cut = len(text) - LONGEST_SECRET
        for finding in reversed(self._redaction.find(text)):
            if finding.end > cut > finding.start - LONGEST_HEAD:
                cut = max(finding.start - LONGEST_HEAD, 0)
        return cut

    def _clean(self, text: str) -> str:
        kept: list[str] = []
        at = self._after_key(text, 0) if self._key_lines_left else 0
        for finding in self._redaction.find(text):
            if finding.end <= at:
                continue
            kept += [text[at : finding.start], f"[{finding.name} removed]"]
            self._counts[finding.kind, finding.name] += 1
            at = finding.end
            if finding.name == PRIVATE_KEY:
                self._key_lines_left = MAX_KEY_LINES
                at = self._after_key(text, at)
        return "".join([*kept, text[at:]])

    def _after_key(self, text: str, at: int) -> int:
        """Return where a private key that has begun ends, and count the lines of one that goes on."""
        limit = at
        while self._key_lines_left:
            line_end = text.find("\n", limit) + 1
            key_end = KEY_END.search(text, limit, line_end or len(text))
            if key_end:
                self._key_lines_left = 0
                return key_end.end()
            if not line_end:
                return len(text)
            limit, self._key_lines_left = line_end, self._key_lines_left - 1
        return limit
