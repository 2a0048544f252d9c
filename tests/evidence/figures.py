"""What redaction finds and what it takes out in vain: `python -m tests.evidence.figures [FOLDER OF LOGS]`.

The planted and the innocent texts are those that the detectors were shaped on. The dummies of vendors were written
before any of them was looked for. Of logs every removal is printed with what stands before it, to be judged by eye.
"""

import sys
from collections import Counter
from pathlib import Path

from service.postmortems.sensitive import find_sensitive, redact
from tests.evidence.corpus.innocent import innocent
from tests.evidence.corpus.planted import planted
from tests.evidence.corpus.vendors import VENDORS


def _shaped_on() -> str:
    texts, harmless = planted(), innocent()
    kept = sum(not any(secret in redact(text)[0] for secret in secrets) for text, secrets in texts)
    touched = sum(redact(text)[0] != text for text in harmless)
    return f"{_figures(kept, len(texts), touched)} ({len(harmless)} innocent texts)"


def _vendors() -> str:
    kept = sum(secret not in redact(line.format(secret))[0] for _, line, secret in VENDORS)
    return f"{_figures(kept, len(VENDORS), 0)} ({len({vendor for vendor, _, _ in VENDORS})} vendors)"


def _figures(kept: int, planted_texts: int, touched: int) -> str:
    return f"recall {kept / planted_texts:.4f} of {planted_texts}, precision {kept / (kept + touched):.4f}"


def _logs(folder: Path) -> str:
    counts: Counter[str] = Counter()
    lines = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            lines += 1
            for finding in find_sensitive(line):
                counts[finding.name] += 1
                print(f"{path.name}: {line[max(finding.start - 60, 0) : finding.start]}[{finding.name}]")  # noqa: T201
    return f"{lines} lines, {counts.total()} removals: {dict(counts)}"


if __name__ == "__main__":
    print("planted and innocent:", _shaped_on())  # noqa: T201
    print("dummies of vendors:  ", _vendors())  # noqa: T201
    for name in sys.argv[1:]:
        print(f"{name}:", _logs(Path(name)))  # noqa: T201
