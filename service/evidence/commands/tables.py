"""The progress and the result of a collection, for people and for scripts."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.output import count_of, local_time, print_line
from service.evidence.collecting import Collected, CollectionProgress
from service.evidence.manifest import SourceEntry, counted
from service.evidence.redaction import Counts
from service.evidence.source import EvidenceSource

_KEYS = {
    "logs": ("evidence.logs.files", "evidence.logs.loki"),
    "metrics": ("prometheus.url",),
    "traces": ("evidence.traces.tempo", "evidence.traces.jaeger"),
    "audit": ("evidence.audit.files",),
    "configuration": ("evidence.configuration.files",),
    "changes": ("evidence.changes.repositories",),
}
"""The keys that configure each source."""
_UNITS = ("B", "kB", "MB", "GB", "TB")


class _ProgressLines(CollectionProgress):
    """A line for each source, once it is finished."""

    def __init__(self, print_: Callable[[str], None] = click.echo) -> None:
        self._print = print_

    def source_finished(self, source: SourceEntry, files: int, size: int) -> None:
        """Print what it gave, and what failed."""
        self._print(f"{source.name:<14} {count_of(files, 'file'):>11}  {amount(size):>9}")
        for what, reason in source.failures:
            self._print(f"  failed: {what}: {reason}")
        if source.error:
            self._print(f"  failed: {source.error}")


class _ProgressBar(CollectionProgress):
    """A progress bar, with the same lines above it."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("collecting", total=total)
        self._lines = _ProgressLines(self._above if sys.stdout.isatty() else click.echo)

    def source_started(self, source: str) -> None:
        """Show the name of the source."""
        self._progress.update(self._task, description=source)

    def source_finished(self, source: SourceEntry, files: int, size: int) -> None:
        """Print the lines of the source and advance the bar."""
        self._lines.source_finished(source, files, size)
        self._progress.advance(self._task)

    def _above(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def show_progress(sources: Sequence[EvidenceSource], show: bool, *, on_terminal: bool) -> Iterator[CollectionProgress]:
    """Yield a bar on a terminal, else a line for each source, or nothing unless `show`."""
    if not show:
        yield CollectionProgress()
    elif not on_terminal:
        yield _ProgressLines()
    else:
        columns = (TextColumn("{task.description:<14}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
            yield _ProgressBar(progress, len(sources))


def print_collected(collected: Collected) -> None:
    """Print a summary of the archive."""
    window = collected.manifest.window
    total = sum((file.redactions for file in collected.manifest.files), Counts())
    click.echo()
    print_line(f"{collected.path}  {amount(collected.size)}, {count_of(len(collected.manifest.files), 'file')}")
    start, end = local_time(window.start, window.zone), local_time(window.end, window.zone)
    print_line(f"window   {start} to {end} ({window.zone.key})")
    redactions = ", ".join(f"{count} × {name}" for (_, name), count in sorted(total.items()))
    print_line(f"redacted {redactions or 'nothing'}")
    print_line(f"SHA-256  {collected.sha256}")
    print_missing(collected)
    for file in collected.manifest.files:
        for reason in file.omissions:
            print_line(f"truncated: {file.path}: {reason}")


def print_missing(collected: Collected) -> None:
    """Print which sources of the standard are not configured, and the keys that configure them."""
    for name, state in collected.manifest.states.items():
        if state == "not_configured":
            print_line(f"missing  {name}: not configured ({', '.join(_KEYS[name])})")


def as_json(collected: Collected) -> dict[str, Any]:
    """Return the same for scripts; the manifest in the archive has everything."""
    manifest = collected.manifest
    return {
        "archive": str(collected.path),
        "sha256": collected.sha256,
        "size": collected.size,
        "incident_id": manifest.window.incident_id,
        "complete": manifest.complete,
        "states": manifest.states,
        "files": [
            {"path": f.path, "size": f.size, "truncated": bool(f.omissions), "redactions": counted(f.redactions)}
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
    """Return a number of bytes as text: 812 B, 1.2 MB."""
    number = float(size)
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.{1 if unit else 0}f} {_UNITS[unit]}"
