"""Configuration files as they are, with their SHA-256; where git has them, as they were when the incident began."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from service.evidence.source import Box, SourceFailed
from service.evidence.sources.files import Matched, copy, filled_in, matched, opened, root_of
from service.evidence.sources.git import PLAIN_DIFF, Repository, repository_of, taking
from service.evidence.subject import Subject


class Configuration:
    """Files by pattern."""

    name = "configuration"

    def __init__(self, patterns: Sequence[str], roots: Sequence[Path]) -> None:
        self._patterns = patterns
        self._roots = roots

    def collect(self, subject: Subject, box: Box) -> None:
        """Write each file, its version at the beginning of the incident, and what was changed until its end."""
        taken: set[Path] = set()
        for pattern in self._patterns:
            if "{env}" in pattern and "env" not in subject.labels:
                box.failed(pattern, "the incident has no label env, which the pattern asks for")
                continue
            number = 0
            for name in filled_in(pattern, {"env": [subject.labels.get("env", "")]}):
                for found in matched(name, root_of(pattern), self._roots, box):
                    number += 1
                    if found.real not in taken:
                        taken.add(found.real)
                        _one(pattern, found, subject, box)
            if not number:
                box.failed(pattern, "matches no file")


def _one(pattern: str, found: Matched, subject: Subject, box: Box) -> None:
    name = "/".join(found.path.parts[1:])
    notes: dict[str, object] = {}
    try:
        with (
            opened(found) as source,
            box.text(f"now/{name}", query=pattern, modified_at=source.modified_at, notes=notes) as file,
        ):
            notes["sha256_of_the_original"] = copy(source, file)
            repository = repository_of(found.real)
            if repository is None:
                notes["git"] = "in no repository: what it was when the incident began is not known"
                return
            inside = str(found.real.relative_to(repository.folder.resolve()))
            notes["git"] = str(repository.folder)
        _versions(repository, inside, name, subject, box)
    except SourceFailed as error:
        box.failed(str(found.path), str(error))


def _versions(repository: Repository, inside: str, name: str, subject: Subject, box: Box) -> None:
    """Write what git had at the beginning, and the difference to what it had at the end."""
    if not repository.told("ls-files", "-z", "--", inside):
        box.failed(inside, f"git in {repository.folder} does not know it")
        return
    before, after = repository.at(subject.began), repository.at(subject.ended)
    if before is None or not repository.has(f"{before}:{inside}"):
        box.failed(inside, f"git had no version of it at {_utc(subject.began)}")
    else:
        notes = {"commit": before, "at": subject.began}
        with box.text(f"at-start/{name}", query=f"git show {before}:{inside}", notes=notes) as file:
            repository.stream(taking(file), "cat-file", "blob", f"{before}:{inside}")
    if before is not None and after is not None:
        notes = {"from": before, "to": after}
        with box.text(f"changes/{name}.diff", query=f"git diff {before} {after} -- {inside}", notes=notes) as file:
            repository.stream(taking(file), "diff", *PLAIN_DIFF, before, after, "--", inside)


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
