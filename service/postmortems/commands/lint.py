"""Checking many files, with progress for whoever watches."""

import errno
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from service.postmortems.context import LintContext
from service.postmortems.findings import Finding
from service.postmortems.lint import lint, unreadable
from service.postmortems.reading import read
from service.settings.files import read_bytes


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file and what was found in it; `lines` are kept only where something was."""

    path: str
    findings: tuple[Finding, ...]
    lines: tuple[str, ...] = ()

    def line(self, number: int) -> str:
        """Return a line, counted from 1; nothing where there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


def check(paths: Sequence[Path], context: LintContext, progress_from: int) -> list[CheckedFile]:
    """Check files in their order; one that cannot be read is a finding."""
    return [check_file(path, context) for path in _watched(paths, progress_from)]


def check_file(path: Path, context: LintContext) -> CheckedFile:
    """Check one file."""
    name = path.as_posix()
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        return CheckedFile(name, (unreadable(f"not UTF-8: {error.reason} at byte {error.start}"),))
    except OSError as error:
        if error.errno == errno.EFBIG:
            return CheckedFile(name, (unreadable(f"{error.strerror}; attach the data instead"),))
        return CheckedFile(name, (unreadable(error.strerror or str(error)),))
    document = read(path.name, text)
    found = tuple(lint(document, context))
    return CheckedFile(name, found, document.lines if found else ())


def _watched(paths: Sequence[Path], progress_from: int) -> Iterator[Path]:
    console = Console(stderr=True)
    if len(paths) < progress_from or not sys.stderr.isatty():
        return iter(paths)
    return iter(track(paths, "Checking", console=console, transient=True))
