"""The definition of done, as far as a document tells (the standard, section 8)."""

from service.domain.checks import Check, CheckState
from service.postmortems import catalogue as c
from service.postmortems.actions import ActionColumn, action_table
from service.postmortems.context import LintContext
from service.postmortems.document import Document, SectionKind
from service.postmortems.lint import as_final, lint
from service.postmortems.placeholders import has_placeholder
from service.postmortems.rules.change import needs_adr

_ABOUT_ACTIONS = (
    c.ACTIONS_TABLE,
    c.ACTION_ID,
    c.ACTION_OWNER,
    c.ACTION_DUE,
    c.ACTION_EARLY,
    c.ACTION_TYPE,
    c.ACTION_VERIFICATION,
    c.ACTION_STATE,
)


def judge(document: Document, context: LintContext) -> dict[Check, CheckState]:
    """Return how each check stands; what a final document fails is only pending while it is a draft.

    Whether the other documents were updated is left out where the change is not known.
    """
    broken = {finding.rule_id for finding in lint(document, as_final(context))}
    table = action_table(document)
    written = table is not None and not any(has_placeholder(row.text_of(ActionColumn.TITLE)) for row in table.rows)
    holds = {
        Check.EVIDENCE: document.section(SectionKind.EVIDENCE) is not None
        and not broken & {c.NO_EVIDENCE.id, c.EVIDENCE_SOURCE.id, c.EMPTY_SECTION.id},
        Check.ACTIONS: written and not broken & {rule.id for rule in _ABOUT_ACTIONS},
        Check.ISSUES: table is not None and c.ISSUE.id not in broken,
        Check.ADR: c.ADR.id not in broken,
    }
    if context.changed is not None:
        holds[Check.DOCUMENTS] = c.DOCUMENTS.id not in broken
    failing = CheckState.FAILED if document.is_final else CheckState.PENDING
    states = {check: CheckState.PASSED if good else failing for check, good in holds.items()}
    return states if needs_adr(document) else {**states, Check.ADR: CheckState.NOT_NEEDED}
