"""What was changed before and during the incident: commits and tags of repositories, and deploys that Grafana marks."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from service.clients.delivery import DeliveryError
from service.evidence.source import Box, SourceFailed
from service.evidence.sources.git import PLAIN_DIFF, Repository, taking
from service.evidence.sources.timeline import without_author
from service.evidence.subject import Subject

Ask = Callable[[datetime, datetime, Sequence[str]], list[dict[str, Any]]]
"""Returns Grafana's annotations that touch a stretch of time and have all the tags. Raises DeliveryError."""
_TAGS = "--format=%(creatordate:iso-strict)%09%(refname:short)%09%(objectname:short)%09%(subject)"


class Changes:
    """Repositories and deploys; without `ask` there is no Grafana to ask."""

    name = "changes"

    def __init__(self, repositories: Sequence[Path], lookback: timedelta, tags: Sequence[str], ask: Ask | None) -> None:
        self._repositories = repositories
        self._lookback = lookback
        self._tags = tags
        self._ask = ask

    def collect(self, subject: Subject, box: Box) -> None:
        """Write the history of each repository and the annotations of each tag."""
        since, until = subject.window.start - self._lookback, subject.window.end
        for folder in self._repositories:
            try:
                _history(Repository(folder), since, until, box)
            except SourceFailed as error:
                box.failed(str(folder), str(error))
        if self._ask is not None and self._tags:
            self._deploys(self._ask, since, until, box)

    def _deploys(self, ask: Ask, since: datetime, until: datetime, box: Box) -> None:
        found: dict[Any, dict[str, Any]] = {}
        for tag in self._tags:
            try:
                found |= {one.get("id"): without_author(one) for one in ask(since, until, [tag])}
            except DeliveryError as error:
                box.failed(f"annotations with the tag {tag}", str(error))
        told = sorted(found.values(), key=lambda one: (one.get("time") or 0, one.get("id") or 0))
        query = f"annotations with one of {', '.join(self._tags)} since {since.isoformat()}"
        with box.text("annotations.json", query=query, notes={"annotations": len(told)}) as file:
            file.write((json.dumps(told, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode())


def _history(repository: Repository, since: datetime, until: datetime, box: Box) -> None:
    """Write the log, merges included, of all branches, and the tags of that time."""
    begin, end = int(since.timestamp()), int(until.timestamp())
    name = repository.folder.name or "root"
    notes: dict[str, object] = {"repository": str(repository.folder), "head": _head(repository)}
    if repository.told("rev-parse", "--is-shallow-repository").strip() == b"true":
        notes["shallow"] = "this clone lacks older commits"
    between = (f"--since={begin}", f"--until={end}")
    query = f"git log --all {' '.join(between)}"
    with box.text(f"{name}/log.txt", query=query, notes=notes) as file:
        shown = ("--date=iso-strict", "--format=fuller", "--decorate=full", "--stat", "--no-show-signature")
        repository.stream(taking(file), "log", "--all", *between, *shown, *PLAIN_DIFF, "--")
    tags = repository.told("for-each-ref", "--sort=creatordate", _TAGS, "refs/tags").decode(errors="replace")
    kept = [line for line in tags.splitlines() if since <= _when(line, since) <= until]
    with box.text(f"{name}/tags.txt", query="git for-each-ref refs/tags", notes={"tags": len(kept)}) as file:
        file.write("".join(f"{line}\n" for line in kept).encode())


def _head(repository: Repository) -> str:
    try:
        return repository.told("rev-parse", "--verify", "HEAD").decode().strip()
    except SourceFailed as error:
        if "no git repository" in str(error) or "another user" in str(error) or "cannot be run" in str(error):
            raise
        return "none: there are no commits"


def _when(line: str, before: datetime) -> datetime:
    """Return when a tag was made; a time that cannot be read counts as outside."""
    try:
        return datetime.fromisoformat(line.split("\t", 1)[0])
    except ValueError:
        return before - timedelta(days=1)
