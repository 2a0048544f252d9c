"""PM6xx: what must not be in a document: secrets, personal data, blame (the standard, sections 1 and 10)."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from service.postmortems import catalogue as c
from service.postmortems.blame import blaming
from service.postmortems.context import LintContext
from service.postmortems.document import Document, Text
from service.postmortems.findings import Finding, at
from service.postmortems.sensitive import SensitiveKind, find_sensitive

_ADVICE = {SensitiveKind.SECRET: "take it out and have it revoked", SensitiveKind.PERSONAL: "take it out or mask it"}
_RULES = {SensitiveKind.SECRET: c.SECRET, SensitiveKind.PERSONAL: c.PERSONAL_DATA}


def check(document: Document, context: LintContext) -> Iterator[Finding]:  # noqa: ARG001 - every check has the same shape
    """Check the text as it is, code and comments too; only blame is looked for in prose alone."""
    yield from _sensitive(document)
    for number, line in enumerate(document.prose, start=1):
        for match in blaming(line):
            where = Text(match[0], number, match.start() + 1)
            yield at(c.BLAME, where, f"{match[0]!r} blames a person; describe what the system or the process allowed")


def _sensitive(document: Document) -> Iterator[Finding]:
    text = "\n".join(document.lines)
    starts = list(accumulate((len(line) + 1 for line in document.lines), initial=0))
    for one in find_sensitive(text):
        line = bisect_right(starts, one.start)
        where = Text(text[one.start : one.end], line, one.start - starts[line - 1] + 1)
        yield at(_RULES[one.kind], where, f"this looks like a {one.name}; {_ADVICE[one.kind]}")
