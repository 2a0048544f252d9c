"""The parts of a postmortem document and their locations in the file. Lines and columns count from 1."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

from service.domain.policy import Severity
from service.postmortems.zones import named_zone

_SEVERITY = re.compile(r"(?<![A-Za-z])SEV[-\u2010-\u2015 ]?([1-4])(?![0-9])", re.IGNORECASE)


class SectionKind(StrEnum):
    """The sections of the standard's template (section 6), in order."""

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
    """The metadata known to the linter: `Status` to `Type` except `Owner` are the standard's, the others are ours."""

    TITLE = "Title"
    INCIDENT = "Incident"
    STATUS = "Status"
    SEVERITY = "Severity"
    WINDOW = "Date/Window"
    ZONE = "Time zone"
    OWNER = "Owner"
    COMMANDER = "Commander"
    COMMS = "Comms"
    DOMAINS = "Domains"
    TYPE = "Type"
    ADR = "ADR"


class Status(StrEnum):
    """The status of a document (the standard, section 6). `In Review` is ours; it still counts as the draft."""

    DRAFT = "Draft"
    IN_REVIEW = "In Review"
    FINAL = "Final"


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its location. `width` is its length in the file, if different."""

    text: str
    line: int
    column: int = 1
    width: int | None = field(default=None, compare=False)

    @property
    def end_column(self) -> int:
        """The column after the last character of the first line."""
        width = len(self.text.partition("\n")[0]) if self.width is None else self.width
        return self.column + max(1, width)


@dataclass(frozen=True, slots=True)
class ListItem:
    """A top-level list item of a section. `whole` is its text with everything nested in it."""

    head: Text
    whole: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; rows may be shorter or longer than the header."""

    header: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """One section. `kind` None: not one of the standard's. `words` is its whole text with code, without comments."""

    kind: SectionKind | None
    heading: Text
    items: tuple[ListItem, ...]
    tables: tuple[Table, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document. `prose` is `lines` with code and comments blanked out; columns stay the same.

    `cut`: the document is too long to be read completely.
    """

    name: str
    lines: tuple[str, ...]
    prose: tuple[str, ...]
    comments: tuple[Text, ...]
    title: Text | None
    fields: Mapping[FieldName, Text]
    sections: tuple[DocumentSection, ...]
    cut: bool = False

    def section(self, kind: SectionKind) -> DocumentSection | None:
        """Return the first section of a kind."""
        return next((s for s in self.sections if s.kind is kind), None)

    def lines_of(self, section: DocumentSection) -> range:
        """Return the numbers of a section's lines, its heading included."""
        following = (s.heading.line for s in self.sections if s.heading.line > section.heading.line)
        return range(section.heading.line, next(following, len(self.prose) + 1))

    @property
    def head(self) -> Text:
        """The location of findings about the whole document: its title, else its first line."""
        return self.title or Text(self.lines[0], 1)

    @property
    def status(self) -> Status | None:
        """The status; None if it is missing or unknown."""
        value = self.fields.get(FieldName.STATUS)
        words = " ".join(re.split(r"[\s_-]+", value.text.strip("`* "))).casefold() if value else ""
        return next((s for s in Status if words == s.casefold()), None)

    @property
    def is_final(self) -> bool:
        """Whether the status is Final."""
        return self.status is Status.FINAL

    @property
    def severity(self) -> Severity | None:
        """The severity in the metadata or the title, if any."""
        for text in (self.fields.get(FieldName.SEVERITY), self.title):
            digits = _SEVERITY.findall(text.text) if text else ()
            if digits:
                return Severity(f"SEV-{digits[-1]}")
        return None

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone in the metadata; None if it is missing or does not exist."""
        value = self.fields.get(FieldName.ZONE)
        return named_zone(value.text.strip("` ")) if value else None

    @property
    def incident(self) -> str | None:
        """The id of the incident, unchecked."""
        value = self.fields.get(FieldName.INCIDENT)
        return value.text if value else None
