"""The action table (the standard, section 6): actions with their owner, due date and progress."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from service.domain.actions import ActionState
from service.postmortems.document import Document, SectionKind, Text

_LINK = re.compile(r"\[([^\[\]]{1,200})\]\([^()\s]{1,2000}\)")
_ISSUE = re.compile(r"https?://|(?<![\w#!])[#!][0-9]{1,9}(?![0-9])")
_DATE = re.compile(r"(?<![0-9])([0-9]{4}-[0-9]{2}-[0-9]{2})(?![0-9])")
_NOT_YET = re.compile("未(?:着手|実施|完了|対応|確認|検証)(?:み|済み?)?")
_STATES: Mapping[ActionState, re.Pattern[str]] = {
    ActionState.VERIFIED: re.compile(r"検証済み?|確認済み?|検証完了|verified", re.IGNORECASE),
    ActionState.COMPLETED: re.compile(r"実施済み?|対応済み?|完了|completed|done|closed", re.IGNORECASE),
    ActionState.OPEN: re.compile(r"対応中|進行中|着手|open|to ?do|in progress|doing", re.IGNORECASE),
}


class ActionColumn(StrEnum):
    """The columns: the standard's six, the state, and an optional one for the issue."""

    ID = "ID"
    TITLE = "対策"
    OWNER = "Owner"
    DUE = "Due"
    TYPE = "種別"
    VERIFICATION = "検証/完了条件"
    STATE = "状態"
    ISSUE = "Issue"


REQUIRED = (
    ActionColumn.ID,
    ActionColumn.TITLE,
    ActionColumn.OWNER,
    ActionColumn.DUE,
    ActionColumn.TYPE,
    ActionColumn.VERIFICATION,
)
_HEADINGS: Mapping[ActionColumn, tuple[str, ...]] = {
    ActionColumn.VERIFICATION: ("検証", "完了条件", "verif", "done when", "acceptance"),
    ActionColumn.STATE: ("状態", "進捗", "status", "state"),
    ActionColumn.ISSUE: ("issue", "ticket", "チケット"),
    ActionColumn.DUE: ("due", "期限", "期日"),
    ActionColumn.OWNER: ("owner", "担当"),
    ActionColumn.TYPE: ("種別", "type"),
    ActionColumn.TITLE: ("対策", "内容", "action", "measure", "what"),
    ActionColumn.ID: ("id", "番号"),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of an action, and the days on which it was reached, if the document has them."""

    state: ActionState
    completed_on: date | None = None
    verified_on: date | None = None


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One row. A missing cell is empty and located at the start of the row. `progress` None: unreadable."""

    cells: Mapping[ActionColumn, Text]
    has_issue: bool

    @property
    def id(self) -> str:
        """The id, without its link."""
        return _LINK.sub(r"\1", self.cells[ActionColumn.ID].text).strip("`* ")

    @property
    def due(self) -> date | None:
        """The due date; None unless it is an ISO date."""
        return iso_date(self.cells[ActionColumn.DUE].text)

    @property
    def progress(self) -> Progress | None:
        """The progress; an empty cell means open."""
        return read_progress(self.cells[ActionColumn.STATE].text)

    def text_of(self, column: ActionColumn) -> str:
        """Return the plain text of a cell."""
        return _LINK.sub(r"\1", self.cells[column].text).strip()


@dataclass(frozen=True, slots=True)
class ActionTable:
    """The table: its columns and rows."""

    location: Text
    columns: frozenset[ActionColumn]
    rows: tuple[ActionRow, ...]


def action_table(document: Document) -> ActionTable | None:
    """Return the first table of the section, if any."""
    section = document.section(SectionKind.ACTIONS)
    if section is None or not section.tables:
        return None
    table = section.tables[0]
    columns = _columns(table.header)
    rows = tuple(_row(row, columns) for row in table.rows if row)
    return ActionTable(table.header[0], frozenset(columns), rows)


def iso_date(text: str) -> date | None:
    """Parse YYYY-MM-DD; None for anything else, including days that do not exist."""
    try:
        return date.fromisoformat(text.strip()) if _DATE.fullmatch(text.strip()) else None
    except ValueError:
        return None


def read_progress(text: str) -> Progress | None:
    """Parse a state such as `完了 2025-08-20`; the furthest of several counts, and each may have a date."""
    if not text.strip():
        return Progress(ActionState.OPEN)
    states = [(match.start(), ActionState.OPEN) for match in _NOT_YET.finditer(text)]
    rest = _NOT_YET.sub(_blank, text)
    for state, words in _STATES.items():
        states += [(match.start(), state) for match in words.finditer(rest)]
        rest = words.sub(_blank, rest)
    if not states:
        return None
    days = _days(text, sorted(states))
    furthest = max((state for _, state in states), key=list(ActionState).index)
    return Progress(furthest, days.get(ActionState.COMPLETED), days.get(ActionState.VERIFIED))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _days(text: str, states: Sequence[tuple[int, ActionState]]) -> dict[ActionState, date]:
    """Return the date after the word of each state, before the next word."""
    days: dict[ActionState, date] = {}
    ends = [start for start, _ in states[1:]] + [len(text)]
    for (start, state), end in zip(states, ends, strict=True):
        match = _DATE.search(text, start, end)
        day = iso_date(match[1]) if match else None
        if day:
            days.setdefault(state, day)
    return days


def _columns(header: Sequence[Text]) -> dict[ActionColumn, int]:
    columns: dict[ActionColumn, int] = {}
    for index, cell in enumerate(header):
        name = cell.text.casefold()
        column = next((c for c, words in _HEADINGS.items() if any(word in name for word in words)), None)
        if column:
            columns.setdefault(column, index)
    return columns


def _row(row: Sequence[Text], columns: Mapping[ActionColumn, int]) -> ActionRow:
    missing = Text("", row[0].line, row[0].column)
    cells = {c: row[columns[c]] if columns.get(c, len(row)) < len(row) else missing for c in ActionColumn}
    linked = any(_ISSUE.search(cell.text) for cell in row) or bool(cells[ActionColumn.ISSUE].text)
    return ActionRow(cells, linked)
