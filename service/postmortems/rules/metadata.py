"""PM1xx: the file's name, the title and the metadata above the first section (the standard, section 6)."""

import re
from collections.abc import Iterator
from datetime import date

from service.domain.policy import Domain, IncidentType
from service.postmortems import catalogue as c
from service.postmortems.context import LintContext
from service.postmortems.document import Document, FieldName, Status, Text
from service.postmortems.findings import Finding, at
from service.postmortems.placeholders import has_placeholder

REQUIRED = (
    FieldName.INCIDENT,
    FieldName.STATUS,
    FieldName.WINDOW,
    FieldName.COMMANDER,
    FieldName.COMMS,
    FieldName.DOMAINS,
    FieldName.TYPE,
)
INCIDENT_ID = re.compile(r"INC-[1-9][0-9]{0,17}")
_NAME = re.compile(r"PM-(?P<date>[0-9]{8})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
_SEVERITY_ALONE = re.compile(r"[(（]?\s*SEV[-\u2010-\u2015 ]?\w*\s*[)）]?", re.IGNORECASE)
_BOILERPLATE = re.compile(r"incident|postmortem|ポストモーテム|[\s—–:：#-]", re.IGNORECASE)
_SEPARATOR = re.compile(r"[,/|、・\s]+")


def check(document: Document, context: LintContext) -> Iterator[Finding]:
    """Check the metadata."""
    yield from _file_name(document)
    yield from _title(document)
    yield from _missing(document)
    yield from _status(document)
    yield from _values(document, final=context.as_final or document.is_final)


def _file_name(document: Document) -> Iterator[Finding]:
    match = _NAME.fullmatch(document.name)
    if match is None or not _is_day(match["date"]):
        message = f"name the file PM-YYYYMMDD-slug.md (slug: a-z, 0-9 and hyphens), not {document.name}"
        yield at(c.FILE_NAME, Text("", 1), message)


def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _title(document: Document) -> Iterator[Finding]:
    title = document.title or document.fields.get(FieldName.TITLE)
    if title is None:
        yield at(c.TITLE, document.head, 'begin with a title such as "# Postmortem — checkout answers 500 (SEV-2)"')
        return
    if not _BOILERPLATE.sub("", _SEVERITY_ALONE.sub("", title.text)):
        yield at(c.TITLE, title, "describe in the title what happened")
    if document.severity is None:
        yield at(c.TITLE, title, "end the title with the severity: (SEV-1) to (SEV-4)")


def _missing(document: Document) -> Iterator[Finding]:
    for name in REQUIRED:
        field = document.fields.get(name)
        if field is None:
            yield at(c.MISSING_FIELD, document.head, f"add **{name}:** below the title")
        elif not field.text:
            line = document.lines[field.line - 1]
            key = Text(line.strip(), field.line, len(line) - len(line.lstrip()) + 1)
            yield at(c.MISSING_FIELD, key, f"{name} is empty")


def _status(document: Document) -> Iterator[Finding]:
    field = document.fields.get(FieldName.STATUS)
    if field and field.text and document.status is None:
        yield at(
            c.STATUS,
            field,
            f"the status must be {', '.join(list(Status)[:-1])} or {list(Status)[-1]}, not {field.text!r}",
        )


def _values(document: Document, *, final: bool) -> Iterator[Finding]:
    fields = {n: f for n, f in document.fields.items() if f.text and (final or not has_placeholder(f.text))}
    incident = fields.get(FieldName.INCIDENT)
    if incident and not INCIDENT_ID.fullmatch(incident.text):
        yield at(c.WRONG_FIELD, incident, f"the incident must be an id such as INC-7, not {incident.text!r}")
    zone = fields.get(FieldName.ZONE)
    if zone and document.zone is None:
        yield at(c.WRONG_FIELD, zone, f"the time zone must be an IANA name such as Europe/Berlin, not {zone.text!r}")
    for name, values in ((FieldName.DOMAINS, list(Domain)), (FieldName.TYPE, list(IncidentType))):
        field = fields.get(name)
        words = _SEPARATOR.split(field.text.strip("` ")) if field else []
        unknown = [word for word in words if word.casefold() not in {value.casefold() for value in values}]
        if field and unknown:
            yield at(c.WRONG_FIELD, field, f"{name}: unknown value {', '.join(unknown)}; known are {', '.join(values)}")
