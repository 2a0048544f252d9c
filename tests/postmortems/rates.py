"""How often PM304 and PM603 are wrong: `python -m tests.postmortems.rates [FOLDER]`.

Without a folder the documents in `corpus/` are read: `shaping/`, on which the words were tried out, and `unseen/`, written
afterwards and changed nothing any more. They say themselves what is true of them: `<!-- about: … -->` what the
timeline is about, `<!-- blame -->` behind a line that blames a person. Of other documents all findings of the two rules are
listed, for somebody to judge.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from service.postmortems.context import LintContext
from service.postmortems.document import Document, SectionKind
from service.postmortems.lint import lint
from service.postmortems.reading import read
from service.postmortems.rules.safety import check as check_safety
from service.postmortems.timeline import entries
from service.postmortems.topics import EXAMPLES

CORPUS = Path(__file__).parent / "corpus"
TERMS = LintContext(zone=ZoneInfo("UTC"))


@dataclass(frozen=True)
class Rate:
    """How a rule did. `wrong` findings among all findings, `missed` cases among all that are there."""

    findings: int
    wrong: int
    cases: int
    missed: int

    def __str__(self) -> str:
        return (
            f"{self.wrong} of {self.findings} findings wrong ({share(self.wrong, self.findings)}), "
            f"{self.missed} of {self.cases} cases missed ({share(self.missed, self.cases)})"
        )


def share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def labelled(folder: Path) -> list[Document]:
    return [read(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.md"))]


def missing_entries(documents: list[Document]) -> Rate:
    """PM304: a finding is right where the label says that the timeline does not tell of it."""
    counts: Counter[tuple[bool, bool]] = Counter()
    for document in documents:
        label = next(c.text for c in document.comments if "about:" in c.text)
        recognized = {topic for entry in entries(document, TERMS) for topic in entry.topics}
        for topic in EXAMPLES:
            counts[topic not in recognized, topic.value not in label] += 1
    return rate(counts)


def blame(documents: list[Document]) -> Rate:
    """PM603: a finding is right on a line that is labelled."""
    counts: Counter[tuple[bool, bool]] = Counter()
    for document in documents:
        labels = {comment.line for comment in document.comments if comment.text.strip() == "blame"}
        lines = {finding.line for finding in check_safety(document, TERMS) if finding.rule_id == "PM603"}
        for number, line in enumerate(document.lines, start=1):
            if line.startswith(("- ", "| ")):
                counts[number in lines, number in labels] += 1
    return rate(counts)


def rate(counts: Counter[tuple[bool, bool]]) -> Rate:
    hits, wrong, missed = counts[True, True], counts[True, False], counts[False, True]
    return Rate(hits + wrong, wrong, hits + missed, missed)


def listed(folder: Path) -> None:
    """Print what the two rules find in documents of others, and what they recognize, for somebody to judge."""
    texts = [(path, path.read_text(encoding="utf-8", errors="replace")) for path in sorted(folder.rglob("*.md"))]
    counts: Counter[str] = Counter()
    for path, text in texts:
        document = read(path.name, text)
        for finding in lint(document, TERMS):
            counts[finding.rule_id] += 1
            if finding.rule_id == "PM603":
                click.echo(
                    f"{path}:{finding.line}: {document.lines[finding.line - 1].strip()[:300]}\n    {finding.message}"
                )
        if document.section(SectionKind.TIMELINE):
            topics = {topic for entry in entries(document, TERMS) for topic in entry.topics}
            click.echo(
                f"{path}: timeline about {', '.join(t for t in EXAMPLES if t in topics) or 'nothing recognized'}"
            )
            for entry in entries(document, TERMS):
                click.echo(f"    {' '.join(entry.location.text.split())[:160]} {sorted(entry.topics)}")
    click.echo(f"{len(texts)} documents; findings: {dict(sorted(counts.items()))}")


def main(arguments: list[str]) -> None:
    if arguments:
        listed(Path(arguments[0]))
        return
    for name in ("shaping", "unseen"):
        corpus = labelled(CORPUS / name)
        click.echo(f"{name}: {len(corpus)} documents")
        click.echo(f"  PM304 {missing_entries(corpus)}")
        click.echo(f"  PM603 {blame(corpus)}")


if __name__ == "__main__":
    main(sys.argv[1:])
