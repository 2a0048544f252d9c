"""How often PM304 and PM603 are wrong: `python -m tests.postmortems.rates`.

It reads the documents in `corpus/`: `shaping/`, on which the words were tried out, and `unseen/`, written afterwards, which
changed nothing any more. They are labelled: `<!-- about: … -->` is what the timeline is about, `<!-- blame -->` stands behind
a line that blames a person.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from service.postmortems.context import LintContext
from service.postmortems.document import Document
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


if __name__ == "__main__":
    for name in ("shaping", "unseen"):
        documents = labelled(CORPUS / name)
        print(f"{name}: {len(documents)} documents")  # noqa: T201
        print(f"  PM304 {missing_entries(documents)}")  # noqa: T201
        print(f"  PM603 {blame(documents)}")  # noqa: T201
