"""One export: the past out of the database, as OpenMetrics text for `promtool tsdb create-blocks-from openmetrics`."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.history.backfill.export import Piece, export
from service.history.backfill.openmetrics_writer import OpenMetricsWriter
from service.history.backfill.replay import Replay, instants
from service.settings.model import Settings
from service.store import Store, StoreRefused, StoreUnavailable

HEAD = timedelta(hours=3)
"""More recent samples may be in Prometheus' head block, which other blocks must not overlap."""
LONG = timedelta(days=2)
"""A longer file is slow for promtool, which reads it once for each block of two hours."""


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    columns = (TextColumn("Exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def write(
    settings: Settings,
    between: tuple[datetime, datetime],
    step: timedelta,
    labels: Mapping[str, str],
    now: datetime,
    *,
    output: Path | None,
    folder: Path | None,
) -> dict[str, Any]:
    """Write the past and return what was written. Raises ClickException."""
    since, until = between
    points = instants(since, until, step)
    if not points:
        raise click.UsageError("no multiple of --step lies between --from and --to")
    policy = settings.policy()
    try:
        store = Store.beside(settings.database, policy)
    except StoreRefused as error:
        raise click.ClickException(str(error)) from error
    try:
        replay = Replay(
            store, policy, windows=settings.window_lengths, cap=settings.limits.series, since=since, now=now
        )
        with _progress(len(points)) as progress:
            pieces = export(replay, OpenMetricsWriter(labels), points, by_day=folder is not None, progress=progress)
            files, size = _in_days(pieces, folder) if folder else _at_once(pieces, output)
    except StoreUnavailable as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot write: {error}") from error
    finally:
        store.close()
    return {
        "files": files,
        "bytes": size,
        "instants": len(points),
        "from": _local(points[0], settings),
        "to": _local(points[-1], settings),
        "labels": dict(labels),
    }


def _in_days(pieces: Iterator[Piece], folder: Path) -> tuple[list[str], int]:
    folder.mkdir(parents=True, exist_ok=True)
    files, size = [], 0
    for piece in pieces:
        path = folder / f"{piece.day.isoformat()}.om"
        with path.open("w", encoding="utf-8") as file:
            size += _write(piece, file)
        files.append(str(path))
    return files, size


def _at_once(pieces: Iterator[Piece], output: Path | None) -> tuple[list[str], int]:
    piece = next(pieces)
    if output is None:
        return ["-"], _write(piece, sys.stdout)
    with output.open("w", encoding="utf-8") as file:
        return [str(output)], _write(piece, file)


def _write(piece: Piece, file: IO[str]) -> int:
    return sum(file.write(text) for text in piece.text)


def _local(at: int, settings: Settings) -> str:
    return datetime.fromtimestamp(at, settings.display_timezone).isoformat()
