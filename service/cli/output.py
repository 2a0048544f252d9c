"""Output of every command: text for people, with markup and control characters made harmless, or JSON for scripts."""

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from service.printable import printable, printable_json

if TYPE_CHECKING:
    from rich.text import Text

NOTHING = "–"
_PIPED_WIDTH = 10_000
"""Wide enough for any row: piped output has one line per row."""


def print_line(line: str, *, err: bool = False) -> None:
    """Print one line, whatever it contains."""
    click.echo(printable(line), err=err)


def count_of(number: int, noun: str) -> str:
    """Format a number with its noun: 1 file, 1,200 files."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def print_check(name: str, detail: str, *, ok: bool | None) -> None:
    """Print the result of one check; None: it could not be made."""
    sign, colour = {True: ("ok", "green"), False: ("no", "red"), None: ("--", "yellow")}[ok]
    click.echo(f"  {click.style(sign, fg=colour)}  {name:<13} {printable(detail)}")


def print_json(value: Any) -> None:
    """Print JSON for scripts."""
    click.echo(printable_json(value, indent=2))


def print_table(headings: Iterable[str], rows: Iterable[Iterable["str | Text"]]) -> None:
    """Print rows below headings; columns wrap on a terminal, never in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def local_time(at: str | datetime | None, zone: ZoneInfo) -> str:
    """Format an instant in a zone, to the second."""
    if at is None:
        return NOTHING
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S}"
