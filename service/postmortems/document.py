"""What a postmortem document consists of, and where in the file each part stands. Lines and columns count from 1."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.domain.policy import Severity

_SEVERITY = re.compile(r"(?<![A-Za-z])SEV[-\u2010-\u2015 ]?([1-4])(?![0-9])", re.IGNORECASE)


class SectionKind(StrEnum):
    """The chapters of the standard's template (section 6), in their order."""

    SUMMARY = "summary"
    TIMELINE = "timeline"
    IMPACT = "impact"
    CAUSE = "root cause"
    DETECTION = "detection and response"
    ACTIONS = "actions"
    FOLLOW_UPS = "follow-ups"
    EVIDENCE = "evidence"
    LESSONS = "lessons learned"


class FieldName(StrEnum):
    """The metadata that the linter knows; `Incident`, `Severity` and `ADR` are ours, the others the standard's."""

    TITLE = "Title"
    INCIDENT = "Incident"
    STATUS = "Status"
    SEVERITY = "Severity"
    WINDOW = "Date/Window"
    COMMANDER = "Commander"
    COMMS = "Comms"
    DOMAINS = "Domains"
    TYPE = "Type"
    ADR = "ADR"


class Status(StrEnum):
    """How far a document is (the standard, section 6)."""

    DRAFT = "Draft"
    FINAL = "Final"


@dataclass(frozen=True, slots=True)
class Text:
    """Some words and where they begin."""

    text: str
    line: int
    column: int = 1

    @property
    def end_column(self) -> int:
        """The column after the last character."""
        return self.column + max(1, len(self.text))


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a list that stands directly in a section. `whole` is its text with everything nested in it."""

    head: Text
    whole: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; rows may be shorter or longer than the header."""

    header: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One chapter. `kind` None: not one of the standard's. `words` is all of its text, code too, comments not."""

    kind: SectionKind | None
    heading: Text
    items: tuple[Item, ...]
    tables: tuple[Table, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document. `prose` repeats `lines` with code and comments blanked out, so that columns stay what they are.

    `cut`: the document is longer than what is read of it.
    """

    name: str
    lines: tuple[str, ...]
    prose: tuple[str, ...]
    comments: tuple[Text, ...]
    title: Text | None
    fields: Mapping[FieldName, Text]
    sections: tuple[Section, ...]
    cut: bool = False

    def section(self, kind: SectionKind) -> Section | None:
        """Return the first section of a kind."""
        return next((s for s in self.sections if s.kind is kind), None)

    @property
    def head(self) -> Text:
        """Where to point for what concerns the whole document: its title, else its first line."""
        return self.title or Text(self.lines[0], 1)

    @property
    def status(self) -> Status | None:
        """Return the status, None where it is neither of the two."""
        field = self.fields.get(FieldName.STATUS)
        return next((s for s in Status if field and field.text.casefold() == s.casefold()), None)

    @property
    def is_final(self) -> bool:
        """Say whether the document claims to be finished."""
        return self.status is Status.FINAL

    @property
    def severity(self) -> Severity | None:
        """Return the severity that the metadata or the title names, None where there is none."""
        for text in (self.fields.get(FieldName.SEVERITY), self.title):
            found = _SEVERITY.findall(text.text) if text else ()
            if found:
                return Severity(f"SEV-{found[-1]}")
        return None

    @property
    def incident(self) -> str | None:
        """Return the id of the incident, as written."""
        field = self.fields.get(FieldName.INCIDENT)
        return field.text if field else None
