"""PM6xx: secrets, personal data and blame (the standard, sections 1 and 10)."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from service.postmortems import catalogue as c
from service.postmortems.blame import blaming
from service.postmortems.context import LintContext
from service.postmortems.document import Document, Text
from service.postmortems.findings import Finding, at
from service.postmortems.sensitive import SensitiveKind, find_sensitive

_ADVICE = {SensitiveKind.SECRET: "remove it and revoke it", SensitiveKind.PERSONAL: "remove or mask it"}
_RULES = {SensitiveKind.SECRET: c.SECRET, SensitiveKind.PERSONAL: c.PERSONAL_DATA}


def check(document: Document, context: LintContext) -> Iterator[Finding]:  # noqa: ARG001 - every check has the same shape
    """Check the raw text, including code and comments; blame is searched for in prose only."""
    yield from _sensitive(document)
    for number, line in enumerate(document.prose, start=1):
        for match in blaming(line):
            location = Text(match[0], number, match.start() + 1)
            yield at(
                c.BLAME, location, f"{match[0]!r} blames a person; describe what the system or the process allowed"
            )


def _sensitive(document: Document) -> Iterator[Finding]:
    text = "\n".join(document.lines)
    starts = list(accumulate((len(line) + 1 for line in document.lines), initial=0))
    for value in find_sensitive(text):
        line = bisect_right(starts, value.start)
        location = Text(text[value.start : value.end], line, value.start - starts[line - 1] + 1)
        yield at(_RULES[value.kind], location, f"possible {value.name}; {_ADVICE[value.kind]}")
