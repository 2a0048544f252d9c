"""PM2xx: all sections of the template, in order (the standard, section 6)."""

from collections.abc import Iterator, Sequence

from service.postmortems import catalogue as c
from service.postmortems.context import LintContext
from service.postmortems.document import Document, DocumentSection, SectionKind, Text
from service.postmortems.findings import Finding, at


def check(document: Document, context: LintContext) -> Iterator[Finding]:  # noqa: ARG001 - every check has the same shape
    """Check the sections."""
    first: dict[SectionKind, DocumentSection] = {}
    for section in document.sections:
        if section.kind is None:
            continue
        if section.kind in first:
            message = f"duplicate of the section in line {first[section.kind].heading.line}"
            yield at(c.SECTION_TWICE, section.heading, message)
        first.setdefault(section.kind, section)
    yield from _missing(document, first)
    yield from _order(list(first.values()))
    for section in first.values():
        if not section.words:
            yield at(c.EMPTY_SECTION, section.heading, "the section is empty; if there is nothing to report, say so")


def _missing(document: Document, present: dict[SectionKind, DocumentSection]) -> Iterator[Finding]:
    """Point to the heading before which the section belongs, else to the end."""
    kinds = list(SectionKind)
    for index, kind in enumerate(kinds):
        if kind not in present:
            after = (present[k].heading for k in kinds[index + 1 :] if k in present)
            location = next(after, Text("", len(document.lines)))
            yield at(c.MISSING_SECTION, location, f'the section "{HEADINGS[kind]}" is missing')


def _order(sections: Sequence[DocumentSection]) -> Iterator[Finding]:
    kinds = list(SectionKind)
    furthest = -1
    for section in sections:
        position = kinds.index(section.kind or kinds[0])
        if position < furthest:
            message = f'"{HEADINGS[kinds[position]]}" belongs before "{HEADINGS[kinds[furthest]]}"'
            yield at(c.SECTION_ORDER, section.heading, message)
        furthest = max(furthest, position)


HEADINGS = {
    SectionKind.SUMMARY: "1. 概要（Summary）",
    SectionKind.TIMELINE: "2. タイムライン（Timeline）",
    SectionKind.IMPACT: "3. 影響評価（Impact）",
    SectionKind.CAUSE: "4. 根本原因（RCA）",
    SectionKind.DETECTION: "5. 検出と対応（Detection & Response）",
    SectionKind.ACTIONS: "6. 再発防止策（Actions）",
    SectionKind.FOLLOW_UPS: "7. 付随事項（Follow-ups）",
    SectionKind.EVIDENCE: "8. 添付（Evidence）",
    SectionKind.LESSONS: "9. 学び（Lessons Learned）",
}
