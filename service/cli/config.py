"""`mttx config`: say what is wrong with a configuration, and print the whole of it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from service.settings import Loaded, Problem, Settings, SettingsError, load_tokens
from service.settings.sources import read
from service.settings.table import Row, dumped, rows, value_at
from service.settings.yaml_text import write_yaml

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="The configuration file; else MTTX_CONFIG, else mttx.yml where there is one.",
)


@click.group()
def config() -> None:
    """Check the configuration, or print the whole of it."""


@config.command()
@config_option
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def check(ctx: click.Context, path: Path | None, output: str) -> None:
    """Say everything that is wrong; exit code 1 if something is."""
    findings = list(_findings(path))
    if output == "json":
        told = [{"key": found.key, "value": found.value, "advice": found.advice} for found in findings]
        click.echo(json.dumps({"findings": told}, ensure_ascii=False, indent=2))
    else:
        for found in findings:
            click.echo(str(found))
        click.echo(f"{len(findings)} to put right" if findings else "The configuration is good.")
    ctx.exit(1 if findings else 0)


def _findings(path: Path | None) -> Iterator[Problem]:
    try:
        settings = read(Settings, path, os.environ).settings
        if settings.tokens_file:
            load_tokens(settings.tokens_file)
        if settings.messages.templates:
            _try_templates(settings)
    except SettingsError as error:
        yield from error.problems
        return
    if settings.database_file is None:
        return
    folder = settings.database_file.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Problem("database_url", f"the folder {folder} should be there and writable", repr(settings.database_url))


def _try_templates(settings: Settings) -> None:
    from service.dispatcher.messages_configured import SLACK, voice_of

    voice_of(SLACK, settings)


@config.command()
@config_option
def show(path: Path | None) -> None:
    """Print the whole effective configuration as YAML, with what each key means and where its value came from."""
    loaded = read(Settings, path, os.environ)
    click.echo("\n".join(_lines(loaded)))


def _lines(loaded: Loaded[Settings]) -> Iterator[str]:
    tree = dumped(loaded.settings)
    above: tuple[str, ...] = ()
    for row in rows(Settings):
        for depth, section in enumerate(row.path[:-1]):
            if row.path[: depth + 1] != above[: depth + 1]:
                yield f"{'  ' * depth}{section}:"
        above = row.path[:-1]
        yield from _entry(row, write_yaml(value_at(tree, row.path)), loaded.origins.get(row.key, "default"))


def _entry(row: Row, value: str, origin: str) -> Iterator[str]:
    indent = "  " * (len(row.path) - 1)
    yield f"{indent}# {row.description}"
    yield f"{indent}{row.path[-1]}: {value}  # {origin}"
