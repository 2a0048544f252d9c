"""PM5xx: the action table: owner, due date, type and verification of each action (the standard, section 6)."""

from collections.abc import Iterator
from datetime import date

from service.postmortems import catalogue as c
from service.postmortems.actions import REQUIRED, ActionColumn, ActionRow, ActionTable, action_table
from service.postmortems.context import LintContext
from service.postmortems.document import Document, SectionKind
from service.postmortems.findings import Finding, at
from service.postmortems.placeholders import has_placeholder
from service.postmortems.timeline import began_at


def check(document: Document, context: LintContext) -> Iterator[Finding]:
    """Check the table. Placeholders are accepted in a draft."""
    section = document.section(SectionKind.ACTIONS)
    if section is None:
        return
    table = action_table(document)
    if table is None:
        heading = " | ".join(REQUIRED)
        yield at(c.ACTIONS_TABLE, section.heading, f"list the actions in a table: | {heading} |")
        return
    yield from _table(table)
    began = began_at(document, context)
    first_day = began.astimezone(context.zone).date() if began else None
    ids: set[str] = set()
    for row in table.rows:
        yield from _row(row, ids, table, first_day, final=context.as_final or document.is_final)


def _table(table: ActionTable) -> Iterator[Finding]:
    missing = [column for column in REQUIRED if column not in table.columns]
    if missing:
        yield at(c.ACTIONS_TABLE, table.location, f"the action table has no column {', '.join(missing)}")
    if not table.rows:
        yield at(
            c.ACTIONS_TABLE, table.location, "the action table has no rows; add the actions that prevent a recurrence"
        )


def _row(
    row: ActionRow, ids: set[str], table: ActionTable, first_day: date | None, *, final: bool
) -> Iterator[Finding]:
    location = row.cells[ActionColumn.ID]
    if not row.id or row.id in ids:
        yield at(
            c.ACTION_ID,
            location,
            f"{row.id} is already the id of another action" if row.id else "give the action an id",
        )
    ids.add(row.id)
    yield from _due(row, table, first_day, final=final)
    for column, rule, message in (
        (ActionColumn.OWNER, c.ACTION_OWNER, "name the owner of the action: a team or a role"),
        (ActionColumn.TYPE, c.ACTION_TYPE, "give the action a type, such as Code, Config or Observability"),
        (ActionColumn.VERIFICATION, c.ACTION_VERIFICATION, "describe how the action will be verified"),
    ):
        if column in table.columns and not _is_present(row, column, final=final):
            yield at(rule, row.cells[column], message)
    if row.progress is None and not _is_open(row, ActionColumn.STATE, final=final):
        message = "write the state as open, 完了/completed or 検証済/verified, followed by the date: 完了 2025-08-20"
        yield at(c.ACTION_STATE, row.cells[ActionColumn.STATE], message)


def _due(row: ActionRow, table: ActionTable, first_day: date | None, *, final: bool) -> Iterator[Finding]:
    cell = row.cells[ActionColumn.DUE]
    if ActionColumn.DUE not in table.columns or _is_open(row, ActionColumn.DUE, final=final):
        return
    if row.due is None:
        yield at(
            c.ACTION_DUE,
            cell,
            f"give the date as YYYY-MM-DD, not {cell.text!r}" if cell.text else "add the due date, as YYYY-MM-DD",
        )
    elif first_day and row.due < first_day:
        yield at(c.ACTION_EARLY, cell, f"the action is due before the incident started ({first_day})")


def _is_present(row: ActionRow, column: ActionColumn, *, final: bool) -> bool:
    text = row.text_of(column)
    return text not in ("", "-", "—", "?", "？") and not (final and has_placeholder(text))


def _is_open(row: ActionRow, column: ActionColumn, *, final: bool) -> bool:
    return not final and has_placeholder(row.cells[column].text)
