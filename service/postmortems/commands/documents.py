"""Documents on disk and in git: finding, checking and writing them. What the service knows is in `service_data`."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.progress import track

from service.postmortems.catalogue import BY_ID
from service.postmortems.context import LintContext
from service.postmortems.findings import Finding
from service.postmortems.lint import lint, unreadable
from service.postmortems.plan import Version
from service.postmortems.reading import read
from service.postmortems.settings import postmortem_settings
from service.postmortems.topics import Topic
from service.settings.files import read_bytes, read_text
from service.settings.model import Settings

Language = Literal["ja", "en"]
BUNDLED = ("standard", "noctria")
PROGRESS_FROM = 20
"""The number of documents from which a progress bar is shown."""
MAX_VERSIONS = 300
TIMEOUT_SECONDS = 60


class GitFailed(Exception):
    """Git failed; the text is its error message."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file and its findings; `lines` are kept only if there are findings."""

    path: str
    findings: tuple[Finding, ...]
    lines: tuple[str, ...] = ()

    def line(self, number: int) -> str:
        """Return a line, counted from 1; empty if it does not exist."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


# -- finding and checking --------------------------------------------------------------------------------------------


def documents_in(paths: Iterable[Path], *, allow_empty: bool) -> list[Path]:
    """Return the files, and every PM-*.md in the folders, each once. Raises UsageError if there are none."""
    documents: dict[Path, None] = {}
    for path in paths:
        documents.update(dict.fromkeys(sorted(path.rglob("PM-*.md")) if path.is_dir() else [path]))
    if not documents and not allow_empty:
        folders = ", ".join(str(path) for path in paths)
        raise click.UsageError(f"no PM-*.md in {folders}; use --allow-empty to accept that")
    return list(documents)


def context_of(settings: Settings, disabled: Iterable[str] = (), changed_with: str | None = None) -> LintContext:
    """Return the context of a check made now; `changed_with` is a range of git. Raises UsageError."""
    rules = frozenset({*postmortem_settings(settings).disabled_rules, *disabled})
    unknown = sorted(rules - BY_ID.keys())
    if unknown:
        raise click.UsageError(f"unknown rule {', '.join(unknown)}; docs/lint/ lists all rules")
    try:
        changed = changed_in(changed_with, Path()) if changed_with is not None else None
    except GitFailed as error:
        raise click.UsageError(f"--changed-with: {error}") from error
    return LintContext(
        zone=settings.display_timezone,
        deadlines=settings.policy().deadlines,
        documents=postmortem_settings(settings).documents,
        disabled=rules,
        now=datetime.now(UTC),
        changed=changed,
        words={Topic(name): words for name, words in postmortem_settings(settings).words.items()},
    )


def check(paths: Sequence[Path], context: LintContext) -> list[CheckedFile]:
    """Check files in order, with a progress bar for many on a terminal."""
    many = len(paths) >= PROGRESS_FROM and sys.stderr.isatty()
    progress = track(paths, "Checking", console=Console(stderr=True), transient=True) if many else paths
    return [check_file(path, context) for path in progress]


def check_file(path: Path, context: LintContext) -> CheckedFile:
    """Check one file; an unreadable one is a finding."""
    name = path.as_posix()
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        return CheckedFile(name, (unreadable(f"not UTF-8: {error.reason} at byte {error.start}"),))
    except OSError as error:
        advice = "; attach the data instead" if error.errno == errno.EFBIG else ""
        return CheckedFile(name, (unreadable(f"{error.strerror or error}{advice}"),))
    document = read(path.name, text)
    findings = tuple(lint(document, context))
    return CheckedFile(name, findings, document.lines if findings else ())


# -- writing ---------------------------------------------------------------------------------------------------------


def template_of(settings: Settings, language: Language | None, template: str | None) -> tuple[str, dict[str, str]]:
    """Return the named template, else the configured one, and the bundled templates that it may extend.

    A named language selects a bundled template, even if a file is configured.
    """
    bundled = {f"{name}.{lang}": _bundled(name, lang) for name in BUNDLED for lang in ("ja", "en")}
    configured = postmortem_settings(settings).template
    if template is None and language is not None and isinstance(configured, Path):
        configured = "standard"
    name = template or str(configured)
    if name in BUNDLED:
        return bundled[f"{name}.{language or postmortem_settings(settings).language}"], bundled
    try:
        return read_text(Path(name)), bundled
    except (OSError, UnicodeDecodeError) as error:
        reason = f"{name} is neither a readable file nor one of {', '.join(BUNDLED)}"
        raise click.ClickException(f"cannot read the template: {reason} ({error})") from error


def _bundled(name: str, language: str) -> str:
    file = f"postmortem.{language}.md.j2" if name == "standard" else f"postmortem.{name}.{language}.md.j2"
    return (files("service.postmortems") / "templates" / file).read_text(encoding="utf-8")


def write(path: Path, text: str) -> None:
    """Write a new file. Raises ClickException, also if it already exists."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} already exists; refusing to overwrite it") from None
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from error


# -- git -------------------------------------------------------------------------------------------------------------


def versions_of(path: Path) -> tuple[Sequence[Version], tuple[str, ...]]:
    """Return the committed versions of a document, the oldest first, and notices; outside git the file itself.

    Raises OSError, UnicodeDecodeError or GitFailed.
    """
    text = read_bytes(path).decode("utf-8-sig")
    commits, is_shallow = _history(path)
    if not commits:
        return [Version(None, read(path.name, text))], ("is not in git: its events are dated now",)
    notices = []
    if is_shallow:
        notices.append("the clone is shallow, so dates may be too late; fetch the whole history (fetch-depth: 0)")
    if _lines(commits[-1][1]) != _lines(text):
        notices.append("has uncommitted changes, which are ignored")
    return [Version(at, read(path.name, content)) for at, content in commits], tuple(notices)


def changed_in(revisions: str, folder: Path) -> frozenset[str]:
    """Return the paths of all files that a range such as main...HEAD changes. Raises GitFailed."""
    output = _git(folder, "diff", "--name-only", "-z", "--no-ext-diff", "--end-of-options", revisions, "--")
    return frozenset(name for name in output.decode(errors="surrogateescape").split("\0") if name)


def _history(path: Path) -> tuple[list[tuple[datetime, str]], bool]:
    """Return the time and content of each commit of a file, the oldest first, through renames, and `is_shallow`.

    Raises GitFailed.
    """
    folder = path.resolve().parent
    options = ("--follow", f"-n{MAX_VERSIONS}", "--format=%x1e%H%x1f%cI", "--name-only", "-z")
    try:
        is_shallow = _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
    except GitFailed:
        return [], False
    try:
        output = _git(folder, "log", *options, "--", path.name).decode(errors="surrogateescape")
    except GitFailed as error:
        if "does not have any commits" in str(error):
            return [], is_shallow
        raise
    entries = [_log_entry(block) for block in output.split("\x1e")[1:]]
    texts = _contents(folder, [f"{commit}:{name}" for commit, _, name in entries])
    commits = [(datetime.fromisoformat(at), text) for (_, at, _), text in zip(entries, texts, strict=True)]
    return commits[::-1], is_shallow


def _log_entry(block: str) -> tuple[str, str, str]:
    head, _, names = block.partition("\0")
    commit, _, at = head.partition("\x1f")
    return commit, at.strip(), names.strip("\0\n")


def _contents(folder: Path, names: list[str]) -> list[str]:
    """Read many objects at once; each answer is a line of name, type and size, then the content and a newline."""
    requests = "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
    output = _git(folder, "cat-file", "--batch", stdin=requests)
    texts, at = [], 0
    for _ in names:
        end = output.index(b"\n", at)
        *_, size = output[at:end].split(b" ")
        length = int(size) if size.isdigit() else -1
        texts.append(output[end + 1 : end + 1 + max(0, length)].decode(errors="replace"))
        at = end + length + 2
    return texts


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    environ = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        process = subprocess.run(  # noqa: S603 - no shell; arguments of users follow -- or --end-of-options
            command, cwd=folder, env=environ, input=stdin, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"cannot run git: {error}") from error
    if process.returncode:
        raise GitFailed(process.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return process.stdout


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").splitlines()
