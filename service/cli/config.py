"""`mttx config`: check and print the configuration."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from service.cli.output import count_of, print_json, print_line
from service.cli.params import config_option, output_option
from service.settings.errors import Problem, SettingsError
from service.settings.model import Settings
from service.settings.sources import Loaded, read
from service.settings.table import SettingRow, dumped, rows, value_at
from service.settings.tokens import load_tokens
from service.settings.warnings import warnings
from service.settings.web_config import load_web_config
from service.settings.yaml_text import write_yaml


@click.group()
def config() -> None:
    """Check the configuration, or print all of it."""


@config.command()
@config_option
@output_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, output: str) -> None:
    """Report every problem; exit code 1 if there is one. Warnings point out likely mistakes."""
    findings, cautions = _checked(path)
    if output == "json":
        print_json({"findings": _shapes(findings), "warnings": _shapes(cautions)})
    else:
        for problem in findings:
            click.echo(str(problem))
        for problem in cautions:
            print_line(f"warning: {problem}")
        click.echo(_verdict(len(findings), len(cautions)))
    ctx.exit(1 if findings else 0)


def _shapes(problems: Iterable[Problem]) -> list[dict[str, str | None]]:
    return [{"key": problem.key, "value": problem.value, "advice": problem.advice} for problem in problems]


def _verdict(findings: int, cautions: int) -> str:
    if findings:
        return f"{count_of(findings, 'problem')} found"
    return f"Configuration OK, {count_of(cautions, 'warning')}" if cautions else "Configuration OK"


def _checked(path: Path | None) -> tuple[list[Problem], list[Problem]]:
    """Return the errors and the warnings; faults of some keys do not hide those of others."""
    findings: list[Problem] = []
    try:
        loaded = read(path, os.environ)
    except SettingsError as error:
        findings += error.problems
        if not isinstance(error.rest, Loaded):
            return findings, []
        loaded = error.rest
    for try_out in (_try_tokens, _try_web_config, _try_templates, _try_database, _try_sources):
        try:
            try_out(loaded.settings)
        except SettingsError as error:
            findings += error.problems
    from service.wiring.sources import unsigned

    return findings, [*warnings(loaded), *unsigned(loaded.settings)]


def _try_tokens(settings: Settings) -> None:
    if settings.tokens_file:
        load_tokens(settings.tokens_file)


def _try_web_config(settings: Settings) -> None:
    load_web_config(settings.web_config_file)


def _try_database(settings: Settings) -> None:
    if settings.database_file is None:
        return
    folder = settings.database_file.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        advice = f"the folder {folder} should exist and be writable"
        raise SettingsError([Problem("database_url", advice, repr(settings.database_url))])


def _try_templates(settings: Settings) -> None:
    from service.wiring.messages import SLACK, message_templates

    if settings.messages.templates:
        message_templates(SLACK, settings)


def _try_sources(settings: Settings) -> None:
    from service.wiring.intake import webhook_sources

    webhook_sources(settings)


@config.command()
@config_option
@output_option
def show(path: Path | None, output: str) -> None:
    """Print the effective configuration as YAML, with what each key means and where its value comes from."""
    loaded = read(path, os.environ)
    if output == "json":
        print_json({"settings": dumped(loaded.settings), "origins": loaded.origins})
    else:
        click.echo("\n".join(_lines(loaded)))


def _lines(loaded: Loaded) -> Iterator[str]:
    tree = dumped(loaded.settings)
    above: tuple[str, ...] = ()
    for row in rows(type(loaded.settings)):
        for depth, section in enumerate(row.path[:-1]):
            if row.path[: depth + 1] != above[: depth + 1]:
                yield f"{'  ' * depth}{section}:"
        above = row.path[:-1]
        yield from _entry(row, write_yaml(value_at(tree, row.path)), loaded.origins.get(row.key, "default"))


def _entry(row: SettingRow, value: str, origin: str) -> Iterator[str]:
    indent = "  " * (len(row.path) - 1)
    yield f"{indent}# {row.description}"
    yield f"{indent}{row.path[-1]}: {value}  # {origin}"
