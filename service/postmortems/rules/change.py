"""PM7xx: the change that makes a postmortem final (the standard, sections 6 and 8)."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from service.postmortems import catalogue as c
from service.postmortems.actions import ActionColumn, action_table
from service.postmortems.context import LintContext
from service.postmortems.document import Document, FieldName
from service.postmortems.findings import Finding, at

_ADR_FILE = re.compile(r"(?:^|/)adrs?/|(?:^|/)adr-?[0-9]", re.IGNORECASE)
_NOT_NEEDED = re.compile(r"不要|なし|該当なし|no(?:ne|t needed)?|n/a|false|-|—", re.IGNORECASE)
_LINKED = re.compile(r"\]\([^)\s]|https?://|adrs?/|(?<![A-Za-z])ADR-?[0-9]", re.IGNORECASE)


def check(document: Document, context: LintContext) -> Iterator[Finding]:
    """Check a final document against the change it is part of."""
    if not (context.as_final or document.is_final):
        return
    if context.changed is not None:
        yield from _documents(document, context.changed, context.documents)
    yield from _adr(document, context.changed)
    table = action_table(document)
    for row in table.rows if table else ():
        if not row.has_issue:
            yield at(
                c.ISSUE,
                row.cells[ActionColumn.ID],
                f"link the issue of {row.id or 'the action'}, such as [A-01](https://…)",
            )


def needs_adr(document: Document) -> bool:
    """Return whether the document requires a decision record: `**ADR:** 要`, a link, anything but no."""
    field = document.fields.get(FieldName.ADR)
    return field is not None and bool(field.text) and not _NOT_NEEDED.fullmatch(field.text.strip())


def _documents(document: Document, changed: frozenset[str], required: tuple[str, ...]) -> Iterator[Finding]:
    names = {PurePosixPath(path).name.casefold() for path in changed}
    missing = [name for name in required if name.casefold() not in names]
    if missing:
        yield at(c.DOCUMENTS, document.head, f"update {', '.join(missing)} in the same change")


def _adr(document: Document, changed: frozenset[str] | None) -> Iterator[Finding]:
    field = document.fields.get(FieldName.ADR)
    if field is None or not needs_adr(document) or _LINKED.search(field.text):
        return
    if not any(_ADR_FILE.search(path) for path in changed or ()):
        yield at(c.ADR, field, "add the decision record in the same change, or link it here: adrs/0012-….md")
