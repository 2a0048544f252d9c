"""The definition of done, as far as the document shows it (the standard, section 8)."""

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
    """Return the state of each check; what fails a final document is pending in a draft.

    Whether other documents were updated is omitted if the change is unknown.
    """
    broken = {finding.rule_id for finding in lint(document, as_final(context))}
    table = action_table(document)
    has_actions = table is not None and not any(has_placeholder(row.text_of(ActionColumn.TITLE)) for row in table.rows)
    passed = {
        Check.EVIDENCE: document.section(SectionKind.EVIDENCE) is not None
        and not broken & {c.NO_EVIDENCE.id, c.EVIDENCE_SOURCE.id, c.EMPTY_SECTION.id},
        Check.ACTIONS: has_actions and not broken & {rule.id for rule in _ABOUT_ACTIONS},
        Check.ISSUES: table is not None and c.ISSUE.id not in broken,
        Check.ADR: c.ADR.id not in broken,
    }
    if context.changed is not None:
        passed[Check.DOCUMENTS] = c.DOCUMENTS.id not in broken
    failing = CheckState.FAILED if document.is_final else CheckState.PENDING
    states = {check: CheckState.PASSED if is_passed else failing for check, is_passed in passed.items()}
    return states if needs_adr(document) else {**states, Check.ADR: CheckState.NOT_NEEDED}
