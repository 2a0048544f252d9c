"""PM4xx: the content of the sections (the standard, sections 2, 5, 6 and 8)."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from service.domain.policy import Stage, due
from service.postmortems import catalogue as c
from service.postmortems.context import LintContext
from service.postmortems.document import Document, DocumentSection, SectionKind, Text
from service.postmortems.findings import Finding, at
from service.postmortems.placeholders import has_placeholder, is_not_applicable, placeholders
from service.postmortems.timeline import began_at, entries
from service.postmortems.topics import Topic

OF_DRAFT = (SectionKind.SUMMARY, SectionKind.TIMELINE, SectionKind.IMPACT)
"""The sections that must be filled in to count as a draft."""

_ASPECTS = {
    "technical (技術)": re.compile(r"技術|technical", re.IGNORECASE),
    "operational/human (運用/人)": re.compile(r"運用|人的|operation|human|process", re.IGNORECASE),
    "environmental (環境)": re.compile(r"環境|environment", re.IGNORECASE),
}
_SOURCES = {
    "metrics (メトリクス)": re.compile(r"メトリクス|ダッシュボード|metric|dashboard", re.IGNORECASE),
    "logs (ログ)": re.compile(r"(?<!監査)ログ|(?<!audit )logs?(?![a-z])", re.IGNORECASE),
    "traces (トレース)": re.compile(r"トレース|スパン|trace|span", re.IGNORECASE),
    "audit (監査)": re.compile(r"監査|audit", re.IGNORECASE),
    "configuration (コンフィグ差分)": re.compile(r"コンフィグ|設定|差分|config|diff", re.IGNORECASE),
}
_DETECTED_BY = re.compile(r"検知|検出|アラート|通報|気[づず]い|alert|detect|notic|report", re.IGNORECASE)
_LABEL = re.compile(r"^\s*(?:\*\*|__)?(?P<label>[^:：\n]{1,80}?)(?:\*\*|__)?\s*[:：](?:\*\*|__)?(?!//)")
_ATTACHED = re.compile(
    r"https?://\S|\]\([^)\s]|(?<![\w/.])\.{0,2}/[\w{}-][\w{}./-]"
    r"|(?<![\w-])[\w-]{1,200}\.(?:json|ya?ml|csv|png|jpe?g|zip|log|txt|svg|html)(?!\w)"
)
_STAGES = {Topic.DRAFT: Stage.DRAFT, Topic.FINAL: Stage.FINAL}


def check(document: Document, context: LintContext) -> Iterator[Finding]:
    """Check the contents. Placeholders are accepted in most sections of a draft."""
    final = context.as_final or document.is_final
    yield from _impact(document, final=final)
    yield from _aspects(document, final=final)
    yield from _detection(document, final=final)
    yield from unfilled(document, final=final)
    if final:
        yield from _evidence(document)
    yield from _deadline(document, context)


def _impact(document: Document, *, final: bool) -> Iterator[Finding]:
    section = document.section(SectionKind.IMPACT)
    if (
        section
        and section.words
        and not re.search("[0-9０-９]", section.words)
        and not _is_pending(section.words, final)
    ):
        yield at(c.IMPACT_NUMBERS, section.heading, "quantify the impact: how much, how many, how long")


def _aspects(document: Document, *, final: bool) -> Iterator[Finding]:
    section = document.section(SectionKind.CAUSE)
    if section is None or not section.words:
        return
    labelled = _labelled(section)
    for aspect, words in _ASPECTS.items():
        texts = [text for label, text in labelled.items() if words.search(label)]
        if not any(text.strip() and (not has_placeholder(text) or not final) for text in texts):
            yield at(c.CAUSE_ASPECT, section.heading, f"describe the {aspect} cause, or state that there was none")


def _detection(document: Document, *, final: bool) -> Iterator[Finding]:
    section = document.section(SectionKind.DETECTION)
    if section is None or not section.words:
        return
    texts = [text for label, text in _labelled(section).items() if _DETECTED_BY.search(label)]
    if not any(len(text.strip()) > 1 and (not has_placeholder(text) or not final) for text in texts):
        message = "name the alert or who noticed it, such as `検知方法: CheckoutErrors` or `Detected by: …`"
        yield at(c.DETECTION_SOURCE, section.heading, message)


def _evidence(document: Document) -> Iterator[Finding]:
    section = document.section(SectionKind.EVIDENCE)
    if section is None or not section.words:
        return
    if not _ATTACHED.search(section.words):
        yield at(c.NO_EVIDENCE, section.heading, "link or name the evidence: dashboards, logs, audit records, diffs")
    labelled = _labelled(section)
    for source, words in _SOURCES.items():
        texts = [text for label, text in labelled.items() if words.search(label)]
        if not any(_ATTACHED.search(text) or is_not_applicable(text) for text in texts):
            message = f"add evidence from the {source}, or state that there is none (該当なし, n/a)"
            yield at(c.EVIDENCE_SOURCE, section.heading, message)


def unfilled(document: Document, *, final: bool) -> Iterator[Finding]:
    """Yield the placeholders left: of a draft in its required sections, of a final document anywhere."""
    sections = [document.section(kind) for kind in OF_DRAFT]
    numbers = (
        range(1, len(document.prose) + 1) if final else sorted(n for s in sections if s for n in document.lines_of(s))
    )
    for number in numbers:
        for match in placeholders(document.prose[number - 1]):
            yield at(c.PLACEHOLDER, Text(match[0], number, match.start() + 1), f"fill in {match[0]} or remove it")


def _deadline(document: Document, context: LintContext) -> Iterator[Finding]:
    """Compare the draft and the final version in the timeline, and the current time, with the deadlines."""
    began, severity = began_at(document, context), document.severity
    if began is None or severity is None:
        return
    reached = {_STAGES[k]: e for e in entries(document, context) for k in e.topics if k in _STAGES and e.at}
    for stage, rule in context.deadlines.get(severity, {}).items():
        due_at, entry = due(rule, began), reached.get(stage)
        if entry and entry.at and entry.at > due_at:
            yield at(c.DEADLINE, entry.location, _late(stage, due_at, severity))
        elif stage is Stage.FINAL and not document.is_final and context.now is not None and context.now > due_at:
            yield at(c.DEADLINE, document.head, _late(stage, due_at, severity))


def _late(stage: Stage, due_at: datetime, severity: str) -> str:
    return f"the {stage} version of a {severity} was due at {due_at:%Y-%m-%d %H:%M} UTC"


def _is_pending(words: str, final: bool) -> bool:
    return has_placeholder(words) and not final


def _labelled(section: DocumentSection) -> Mapping[str, str]:
    """Return the text after each label, such as `技術: …`; a nested list may have a label too."""
    labelled: dict[str, str] = {}
    for item in section.items:
        first, _, nested = item.whole.partition("\n")
        match = _LABEL.match(first)
        if match:
            labelled[match["label"]] = f"{first[match.end() :]} {nested}".strip()
        elif nested:
            labelled[first] = nested
    return labelled
