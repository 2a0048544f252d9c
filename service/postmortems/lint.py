"""The linter: every check of one document, without the findings that its author suppressed with a reason."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from service.postmortems import catalogue as c
from service.postmortems.context import LintContext
from service.postmortems.document import Document, Text
from service.postmortems.findings import Finding, FindingLevel, at
from service.postmortems.reading import LONGEST_LINE, MAX_LINES
from service.postmortems.rules import actions, change, content, metadata, safety, structure, times
from service.postmortems.suppressions import suppressed

RuleCheck = Callable[[Document, LintContext], Iterator[Finding]]

CHECKS: tuple[RuleCheck, ...] = (
    metadata.check,
    structure.check,
    times.check,
    content.check,
    actions.check,
    safety.check,
    change.check,
)
MAX_OF_A_RULE = 100
"""The maximum number of findings of one rule in one document; more would add nothing."""


def lint(document: Document, context: LintContext) -> list[Finding]:
    """Return the findings of a document, ordered by location."""
    context = context_for(document, context)
    findings: list[Finding] = []
    for check in (*CHECKS, _length):
        counted: Counter[str] = Counter()
        for finding in check(document, context):
            counted[finding.rule_id] += 1
            if finding.rule_id not in context.disabled and counted[finding.rule_id] <= MAX_OF_A_RULE:
                findings.append(finding)
    return suppressed(document, sorted(findings))


def context_for(document: Document, context: LintContext) -> LintContext:
    """Return the context with the time zone that the document names, so that every machine reads it the same way."""
    return replace(context, zone=document.zone or context.zone)


def as_final(context: LintContext) -> LintContext:
    """Return the context in which a draft is checked as if it were final."""
    return replace(context, as_final=True)


def missing(document: Document, disabled: frozenset[str], *, final: bool) -> list[str]:
    """Return why a document does not count as a draft, or as final: missing sections and unfilled placeholders."""
    sections = [(kind, document.section(kind)) for kind in content.OF_DRAFT]
    reasons = [f"{kind} is {'empty' if s else 'missing'}" for kind, s in sections if s is None or not s.words]
    if c.PLACEHOLDER.id in disabled:
        return reasons
    unfilled = suppressed(document, list(content.unfilled(document, final=final)))
    return reasons + [f"line {f.line}: {f.message}" for f in unfilled if f.rule_id == c.PLACEHOLDER.id]


def unreadable(reason: str) -> Finding:
    """Return the finding for an unreadable file."""
    return at(c.UNREADABLE, Text("", 1), reason)


def failed(findings: list[Finding], *, strict: bool) -> bool:
    """Return whether findings fail the check: errors do, warnings if `strict`, advice never."""
    counting = (finding for finding in findings if not c.BY_ID[finding.rule_id].advice)
    return any(strict or finding.level is FindingLevel.ERROR for finding in counting)


def _length(document: Document, context: LintContext) -> Iterator[Finding]:  # noqa: ARG001 - every check has the same shape
    if document.cut:
        message = (
            f"only {MAX_LINES} lines, and {LONGEST_LINE} characters of each, are checked; attach the rest as evidence"
        )
        yield at(c.UNREADABLE, Text("", 1), message)
