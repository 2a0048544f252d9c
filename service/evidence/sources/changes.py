"""What changed before and during the incident: commits and tags of repositories, deploys in Grafana's annotations."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from service.clients.errors import RequestFailed
from service.evidence.sources.git import PLAIN_DIFF, Repository, taking
from service.evidence.sources.timeline import AnnotationQuery, without_author
from service.evidence.staging import SourceFailed, SourceFiles
from service.evidence.window import EvidenceWindow

_TAGS = "--format=%(creatordate:iso-strict)%09%(refname:short)%09%(objectname:short)%09%(subject)"


class ChangeSource:
    """Repositories, and deploys that Grafana's annotations mark."""

    name = "changes"

    def __init__(
        self,
        repositories: Sequence[Path],
        lookback: timedelta,
        tags: Sequence[str],
        annotations: AnnotationQuery | None,
    ) -> None:
        self._repositories = repositories
        self._lookback = lookback
        self._tags = tags
        self._annotations = annotations

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Write the history of each repository and the annotations of each tag."""
        since, until = window.start - self._lookback, window.end
        for folder in self._repositories:
            try:
                _history(Repository(folder), since, until, files)
            except SourceFailed as error:
                files.add_failure(str(folder), str(error))
        if self._annotations is not None and self._tags:
            self._deploys(self._annotations, since, until, files)

    def _deploys(self, query: AnnotationQuery, since: datetime, until: datetime, files: SourceFiles) -> None:
        annotations: dict[Any, dict[str, Any]] = {}
        for tag in self._tags:
            try:
                annotations |= {a.get("id"): without_author(a) for a in query(since, until, [tag])}
            except RequestFailed as error:
                files.add_failure(f"annotations with the tag {tag}", str(error))
        ordered = sorted(annotations.values(), key=lambda a: (a.get("time") or 0, a.get("id") or 0))
        description = f"annotations with one of {', '.join(self._tags)} since {since.isoformat()}"
        with files.text("annotations.json", query=description, notes={"annotations": len(ordered)}) as file:
            file.write((json.dumps(ordered, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode())


def _history(repository: Repository, since: datetime, until: datetime, files: SourceFiles) -> None:
    """Write the log of all branches, merges included, and the tags of that time."""
    begin, end = int(since.timestamp()), int(until.timestamp())
    name = repository.folder.name or "root"
    notes: dict[str, object] = {"repository": str(repository.folder), "head": _head(repository)}
    if repository.output("rev-parse", "--is-shallow-repository").strip() == b"true":
        notes["shallow"] = "shallow clone: older commits are missing"
    between = (f"--since={begin}", f"--until={end}")
    query = f"git log --all {' '.join(between)}"
    with files.text(f"{name}/log.txt", query=query, notes=notes) as file:
        shown = ("--date=iso-strict", "--format=fuller", "--decorate=full", "--stat", "--no-show-signature")
        repository.stream(taking(file), "log", "--all", *between, *shown, *PLAIN_DIFF, "--")
    tags = repository.output("for-each-ref", "--sort=creatordate", _TAGS, "refs/tags").decode(errors="replace")
    kept = [line for line in tags.splitlines() if since <= _when(line, since) <= until]
    with files.text(f"{name}/tags.txt", query="git for-each-ref refs/tags", notes={"tags": len(kept)}) as file:
        file.write("".join(f"{line}\n" for line in kept).encode())


def _head(repository: Repository) -> str:
    try:
        return repository.output("rev-parse", "--verify", "HEAD").decode().strip()
    except SourceFailed as error:
        if "not a git repository" in str(error) or "another user" in str(error) or "cannot be run" in str(error):
            raise
        return "none: the repository has no commits"


def _when(line: str, before: datetime) -> datetime:
    """Return when a tag was made; a time that cannot be parsed counts as outside."""
    try:
        return datetime.fromisoformat(line.split("\t", 1)[0])
    except ValueError:
        return before - timedelta(days=1)
