"""Write docs/cli.md from the commands themselves: python docs/generate_cli.py. A test compares the two."""

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from service.cli import main

TARGET = Path(__file__).with_name("cli.md")
HEAD = """# Command line

Every command, as `--help` says it. Times need a zone (`2026-11-23T18:04:05+09:00`) or are an age (`10m`, `2h`). Exit
code 0: done; 1: not done, or something was found; 2: the command was wrong. What they are for: [tutorial](tutorial.md).

Written by `python docs/generate_cli.py`; change the commands, not this page.
"""


def page() -> str:
    """Return the whole page: each group under a heading of its own, its commands below."""
    commands = _below(main, click.Context(main, info_name="mttx"))
    return "\n".join([HEAD, *(line for context in commands for line in _section(context))]).rstrip() + "\n"


def _below(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    """Give all commands of a group, each with the path that leads there, in the order of its help."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        below = click.Context(command, info_name=name, parent=context)
        yield below
        if isinstance(command, click.Group):
            yield from _below(command, below)


def _section(context: click.Context) -> Iterator[str]:
    """Give the lines of one command."""
    command = context.command
    depth = context.command_path.count(" ") + 1
    yield f"{'#' * depth} {context.command_path}"
    yield ""
    if not isinstance(command, click.Group):
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"`{context.command_path} {usage}`"
        yield ""
    yield cleandoc(command.help or "").replace("\b\n", "").replace("\f", "")
    yield ""
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        yield "| option | |"
        yield "|---|---|"
        yield from (f"| `{_cell(names)}` | {_cell(text)} |" for one in options for names, text in _help(one, context))
        yield ""


def _help(option: click.Option, context: click.Context) -> list[tuple[str, str]]:
    record = option.get_help_record(context)
    return [record] if record else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip()


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
