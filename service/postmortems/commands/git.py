"""What git knows of a document: when it said what, and what else was changed with it."""

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MOST_VERSIONS = 300
TIMEOUT_SECONDS = 60


class GitFailed(Exception):
    """Git refused; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A version of a file and when it was committed."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class FileHistory:
    """A file's versions, the oldest first; `shallow`: there may be older ones that this clone does not have."""

    commits: tuple[Commit, ...]
    shallow: bool


def history(path: Path) -> FileHistory | None:
    """Return the history of a file, through renames; None where it has none. Raises GitFailed."""
    folder = path.resolve().parent
    try:
        shallow = _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
    except GitFailed:
        return None
    options = ("--follow", f"-n{MOST_VERSIONS}", "--format=%x1e%H%x1f%cI", "--name-only", "-z")
    try:
        told = _git(folder, "log", *options, "--", path.name).decode(errors="surrogateescape")
    except GitFailed as error:
        if "does not have any commits" in str(error):
            return None
        raise
    names = [_entry(block) for block in told.split("\x1e")[1:]]
    texts = _contents(folder, [f"{commit}:{name}" for commit, _, name in names])
    commits = [Commit(datetime.fromisoformat(at), text) for (_, at, _), text in zip(names, texts, strict=True)]
    return FileHistory(tuple(reversed(commits)), shallow) if commits else None


def changed_in(revisions: str, folder: Path) -> frozenset[str]:
    """Return the paths of all files that a range such as main...HEAD changes. Raises GitFailed."""
    told = _git(folder, "diff", "--name-only", "-z", "--no-ext-diff", "--end-of-options", revisions, "--")
    return frozenset(name for name in told.decode(errors="surrogateescape").split("\0") if name)


def _entry(block: str) -> tuple[str, str, str]:
    head, _, names = block.partition("\0")
    commit, _, at = head.partition("\x1f")
    return commit, at.strip(), names.strip("\0\n")


def _contents(folder: Path, names: list[str]) -> list[str]:
    """Read many objects at once; an answer is a line of name, type and size, then the content and a line end."""
    told = _git(
        folder, "cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
    )
    texts, at = [], 0
    for _ in names:
        end = told.index(b"\n", at)
        *_, size = told[at:end].split(b" ")
        length = int(size) if size.isdigit() else -1
        texts.append(told[end + 1 : end + 1 + max(0, length)].decode(errors="replace"))
        at = end + length + 2
    return texts


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    environ = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - no shell; what users give stands behind -- or --end-of-options
            command, cwd=folder, env=environ, input=given, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git cannot be run: {error}") from error
    if done.returncode:
        raise GitFailed(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return done.stdout
