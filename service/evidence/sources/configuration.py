"""Configuration files as they are, with their SHA-256; from git also as they were when the incident began."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from service.evidence.sources.files import Matched, copy, filled_in, matched, opened, root_of
from service.evidence.sources.git import PLAIN_DIFF, Repository, repository_of, taking
from service.evidence.staging import SourceFailed, SourceFiles
from service.evidence.window import EvidenceWindow


class ConfigurationSource:
    """Files by pattern."""

    name = "configuration"

    def __init__(self, patterns: Sequence[str], roots: Sequence[Path]) -> None:
        self._patterns = patterns
        self._roots = roots

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Write each file, its version at the beginning of the incident, and what changed until its end."""
        taken: set[Path] = set()
        for pattern in self._patterns:
            if "{env}" in pattern and "env" not in window.labels:
                files.add_failure(pattern, "the incident has no label env, which the pattern uses")
                continue
            number = 0
            for name in filled_in(pattern, {"env": [window.labels.get("env", "")]}):
                for match in matched(name, root_of(pattern), self._roots, files):
                    number += 1
                    if match.real not in taken:
                        taken.add(match.real)
                        _write(pattern, match, window, files)
            if not number:
                files.add_failure(pattern, "matches no file")


def _write(pattern: str, match: Matched, window: EvidenceWindow, files: SourceFiles) -> None:
    name = "/".join(match.path.parts[1:])
    notes: dict[str, object] = {}
    try:
        with (
            opened(match) as source,
            files.text(f"now/{name}", query=pattern, modified_at=source.modified_at, notes=notes) as file,
        ):
            notes["sha256_of_the_original"] = copy(source, file)
            repository = repository_of(match.real)
            if repository is None:
                notes["git"] = "not in a repository: its content when the incident began is unknown"
                return
            inside = str(match.real.relative_to(repository.folder.resolve()))
            notes["git"] = str(repository.folder)
        _versions(repository, inside, name, window, files)
    except SourceFailed as error:
        files.add_failure(str(match.path), str(error))


def _versions(repository: Repository, inside: str, name: str, window: EvidenceWindow, files: SourceFiles) -> None:
    """Write the version at the beginning of the incident, and the diff to the one at its end."""
    if not repository.output("ls-files", "-z", "--", inside):
        files.add_failure(inside, f"not tracked by git in {repository.folder}")
        return
    before, after = repository.at(window.incident_start), repository.at(window.incident_end)
    if before is None or not repository.has(f"{before}:{inside}"):
        files.add_failure(inside, f"git has no version of it at {_utc(window.incident_start)}")
    else:
        notes = {"commit": before, "at": window.incident_start}
        with files.text(f"at-start/{name}", query=f"git show {before}:{inside}", notes=notes) as file:
            repository.stream(taking(file), "cat-file", "blob", f"{before}:{inside}")
    if before is not None and after is not None:
        notes = {"from": before, "to": after}
        with files.text(f"changes/{name}.diff", query=f"git diff {before} {after} -- {inside}", notes=notes) as file:
            repository.stream(taking(file), "diff", *PLAIN_DIFF, before, after, "--", inside)


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
