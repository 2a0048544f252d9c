"""What commands print: a line for people, in which nothing that came from outside is obeyed, or JSON for scripts."""

from typing import Any

import click

from service.printable import printable, printable_json


def print_line(line: str, *, err: bool = False) -> None:
    """Print one line, whatever is in it."""
    click.echo(printable(line), err=err)


def print_json(value: Any) -> None:
    """Print for scripts."""
    click.echo(printable_json(value, indent=2))
