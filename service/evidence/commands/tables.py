"""How far a collection is, and what came of it, for people and for scripts."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.output import print_line
from service.evidence.collecting import Collected, Unwatched, Watch
from service.evidence.manifest import SourceEntry, counted
from service.evidence.redaction import Counts
from service.evidence.source import Source

_KEYS = {
    "logs": ("evidence.logs.files", "evidence.logs.loki"),
    "metrics": ("prometheus.url",),
    "traces": ("evidence.traces.tempo", "evidence.traces.jaeger"),
    "audit": ("evidence.audit.files",),
    "configuration": ("evidence.configuration.files",),
    "changes": ("evidence.changes.repositories",),
}
"""What configures each source."""
_UNITS = ("B", "kB", "MB", "GB", "TB")


class _Lines:
    """One line for each source, when it is done."""

    def __init__(self, say: Callable[[str], None] = click.echo) -> None:
        self._say = say

    def begun(self, source: str) -> None:
        """Say nothing yet."""

    def ended(self, source: SourceEntry, files: int, size: int) -> None:
        """Say what it gave, and what it could not."""
        self._say(f"{source.name:<14} {_number(files, 'file'):>11}  {amount(size):>9}")
        for what, reason in source.failures:
            self._say(f"  failed: {what}: {reason}")
        if source.error:
            self._say(f"  failed: {source.error}")


class _Bar:
    """A bar of all sources, and the same lines above it."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("collecting", total=total)
        self._lines = _Lines(self._above if sys.stdout.isatty() else click.echo)

    def begun(self, source: str) -> None:
        """Name the source that is being asked."""
        self._progress.update(self._task, description=source)

    def ended(self, source: SourceEntry, files: int, size: int) -> None:
        """Take a step."""
        self._lines.ended(source, files, size)
        self._progress.advance(self._task)

    def _above(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watching(sources: Sequence[Source], told: bool, *, on_terminal: bool) -> Iterator[Watch]:
    """Give somebody who watches: a bar on a terminal, else a line for each source; nobody unless it is to be told."""
    if not told:
        yield Unwatched()
    elif not on_terminal:
        yield _Lines()
    else:
        columns = (TextColumn("{task.description:<14}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
            yield _Bar(progress, len(sources))


def print_collected(made: Collected) -> None:
    """Say what there is now."""
    window = made.manifest.subject.window
    total = sum((file.redactions for file in made.manifest.files), Counts())
    click.echo()
    print_line(f"{made.path}  {amount(made.size)}, {_number(len(made.manifest.files), 'file')}")
    print_line(f"window   {window.start:%Y-%m-%d %H:%M:%S}Z to {window.end:%Y-%m-%d %H:%M:%S}Z")
    said = ", ".join(f"{count} × {name}" for (_, name), count in sorted(total.items()))
    print_line(f"redacted {said or 'nothing'}")
    print_line(f"SHA-256  {made.sha256}")
    print_missing(made)
    for file in made.manifest.files:
        for reason in file.lacks:
            print_line(f"truncated: {file.path}: {reason}")


def print_missing(made: Collected) -> None:
    """Say which sources of the standard are not configured, and what would configure them."""
    for name, state in made.manifest.states.items():
        if state == "not_configured":
            print_line(f"missing  {name}: not configured ({', '.join(_KEYS[name])})")


def as_json(made: Collected) -> dict[str, Any]:
    """Return the same for scripts; the manifest in the archive has all of it."""
    manifest = made.manifest
    return {
        "archive": str(made.path),
        "sha256": made.sha256,
        "size": made.size,
        "incident_id": manifest.subject.incident_id,
        "complete": manifest.complete,
        "states": manifest.states,
        "files": [
            {"path": f.path, "size": f.size, "truncated": bool(f.lacks), "redactions": counted(f.redactions)}
            for f in manifest.files
        ],
        "sources": [
            {
                "name": source.name,
                "error": source.error,
                "failures": [{"what": what, "reason": reason} for what, reason in source.failures],
            }
            for source in manifest.sources
        ],
    }


def amount(size: int) -> str:
    """Write a number of bytes: 812 B, 1.2 MB."""
    number = float(size)
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.{1 if unit else 0}f} {_UNITS[unit]}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
