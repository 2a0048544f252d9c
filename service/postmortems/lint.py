"""The linter: every check over one document, without what its author switched off with a reason."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from service.postmortems import catalogue as c
from service.postmortems.context import LintContext
from service.postmortems.document import Document, Text
from service.postmortems.findings import Finding, FindingLevel, at
from service.postmortems.reading import LONGEST_LINE, MOST_LINES
from service.postmortems.rules import actions, change, content, metadata, safety, structure, times
from service.postmortems.suppressions import suppressed

Check = Callable[[Document, LintContext], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    metadata.check,
    structure.check,
    times.check,
    content.check,
    actions.check,
    safety.check,
    change.check,
)
MOST_OF_A_RULE = 100
"""How many findings of one rule are told of one document; what comes after says nothing new."""


def lint(document: Document, context: LintContext) -> list[Finding]:
    """Return what is wrong with a document, by place."""
    context = context_for(document, context)
    found: list[Finding] = []
    for check in (*CHECKS, _length):
        counted: Counter[str] = Counter()
        for finding in check(document, context):
            counted[finding.rule_id] += 1
            if finding.rule_id not in context.disabled and counted[finding.rule_id] <= MOST_OF_A_RULE:
                found.append(finding)
    return suppressed(document, sorted(found))


def context_for(document: Document, context: LintContext) -> LintContext:
    """Return the context with the time zone that the document names, so that every machine reads it alike."""
    return replace(context, zone=document.zone or context.zone)


def as_final(context: LintContext) -> LintContext:
    """Return the context in which a draft is judged as if it were final."""
    return replace(context, as_final=True)


def missing(document: Document, disabled: frozenset[str], *, final: bool) -> list[str]:
    """Return what a document lacks to count as a draft, or as final: its sections, and what is left to fill in."""
    sections = [(kind, document.section(kind)) for kind in content.OF_DRAFT]
    lacks = [f"{kind} is {'empty' if one else 'missing'}" for kind, one in sections if one is None or not one.words]
    if c.PLACEHOLDER.id in disabled:
        return lacks
    left = suppressed(document, list(content.unfilled(document, final=final)))
    return lacks + [f"line {f.line}: {f.message}" for f in left if f.rule_id == c.PLACEHOLDER.id]


def unreadable(reason: str) -> Finding:
    """Return the finding for a file of which nothing can be read."""
    return at(c.UNREADABLE, Text("", 1), reason)


def failed(findings: list[Finding], *, strict: bool) -> bool:
    """Say whether findings fail the check: errors do, warnings if it is strict, advice never."""
    counting = (finding for finding in findings if not c.BY_ID[finding.rule_id].advice)
    return any(strict or finding.level is FindingLevel.ERROR for finding in counting)


def _length(document: Document, context: LintContext) -> Iterator[Finding]:  # noqa: ARG001 - every check has the same shape
    if document.cut:
        message = (
            f"only {MOST_LINES} lines, and {LONGEST_LINE} characters of each, are checked; attach the rest as evidence"
        )
        yield at(c.UNREADABLE, Text("", 1), message)
