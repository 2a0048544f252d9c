"""`mttx dashboards` and `mttx rules`: the bundled files, for file provisioning and Prometheus' rule_files."""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from service.cli.output import print_json, print_line
from service.cli.params import config_option, output_option
from service.provisioning.bundled import RUNBOOK_URL, BundledKind, bundled
from service.provisioning.filters import with_filters
from service.provisioning.rules import with_dimensions
from service.settings.sources import load


class FileState(StrEnum):
    """The result of exporting one file."""

    CREATED = "written"
    UP_TO_DATE = "up to date"
    KEPT = "kept, it differs"
    OVERWRITTEN = "overwritten"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file and its result."""

    path: Path
    state: FileState


def _folder_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--dir",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=default,
        show_default=True,
        help="Target folder; created if missing.",
    )


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return the address without a slash at its end; it must be one that YAML and browsers take as it is."""
    if value is not None and not re.fullmatch(r"https?://[^\s\"'#{}]+", value):
        raise click.BadParameter(f"{value!r} should be an address such as http://mttx.example:9877/runbook")
    return value and value.rstrip("/")


def _labels(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", value):
            raise click.BadParameter(f"{value!r} should be a label name: letters, digits and underscores")
    return tuple(dict.fromkeys(values))


def _label_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--label",
        "labels",
        metavar="LABEL",
        multiple=True,
        callback=_labels,
        help=f"{what}; may be repeated. Default: those of `breakdown` in the configuration, which are team and service "
        "unless it says otherwise.",
    )


def _configured(path: Path | None) -> tuple[str, ...]:
    """Return the labels of the dimensions in the configuration."""
    return tuple(dimension.label for dimension in load(path, os.environ).breakdown)


@click.group()
def dashboards() -> None:
    """Export the bundled dashboards."""


@click.group()
def rules() -> None:
    """Export the bundled alert rules."""


_force_option = click.option("--force", is_flag=True, help="Overwrite files that differ from the bundled ones.")


@dashboards.command("export")
@_folder_option("mttx-dashboards")
@_label_option("Dimension by which tables of incidents can be filtered")
@config_option
@output_option
@_force_option
@click.pass_context
def export_dashboards(
    ctx: click.Context, *, folder: Path, labels: tuple[str, ...], path: Path | None, force: bool, output: str
) -> None:
    """Write the dashboards to a folder, for Grafana's file provisioning or an import by hand.

    An existing file that differs is kept, and the exit code is 1.
    """
    dimensions = labels or _configured(path)

    def adapted(content: bytes) -> bytes:
        dashboard = with_filters(json.loads(content), dimensions)
        return (json.dumps(dashboard, indent=0, ensure_ascii=False) + "\n").encode()

    ctx.exit(_export("dashboards", ".json", folder, adapted, force=force, output=output))


@rules.command("export")
@_folder_option("mttx-rules")
@click.option(
    "--runbook-base",
    metavar="URL",
    callback=_address,
    help="Where `runbook_url` of the alerts leads, such as http://mttx.example:9877/runbook, which the service serves. "
    "Default: the runbook on GitHub.",
)
@_label_option("Dimension that alerts about an incident carry as a label, for routes")
@config_option
@output_option
@_force_option
@click.pass_context
def export_rules(
    ctx: click.Context,
    *,
    folder: Path,
    runbook_base: str | None,
    labels: tuple[str, ...],
    path: Path | None,
    force: bool,
    output: str,
) -> None:
    """Write the rule files to a folder, for Prometheus' rule_files.

    An existing file that differs is kept, and the exit code is 1.
    """
    dimensions = labels or _configured(path)

    def adapted(content: bytes) -> bytes:
        rules = with_dimensions(content.decode(), dimensions)
        return (rules.replace(RUNBOOK_URL, runbook_base) if runbook_base else rules).encode()

    ctx.exit(_export("alert_rules", ".yml", folder, adapted, force=force, output=output))


def _export(
    kind: BundledKind,
    suffix: str,
    folder: Path,
    adapt: Callable[[bytes], bytes],
    *,
    force: bool,
    output: str,
) -> int:
    """Write the files with a suffix, each through `adapt`, print the result of each, and return the exit code."""
    try:
        files = list(_export_files(kind, suffix, folder, adapt, force=force))
    except OSError as error:
        raise click.ClickException(f"cannot export: {error}") from error
    kept = any(file.state is FileState.KEPT for file in files)
    if output == "json":
        print_json({"files": [{"path": str(file.path), "state": file.state} for file in files]})
    else:
        for file in files:
            print_line(f"{file.path}  {file.state}")
        if kept:
            print_line("Files that differ from the bundled ones were kept; --force overwrites them.", err=True)
    return 1 if kept else 0


def _export_files(
    kind: BundledKind, suffix: str, folder: Path, adapt: Callable[[bytes], bytes], *, force: bool
) -> Iterator[ExportedFile]:
    folder.mkdir(parents=True, exist_ok=True)
    source_files = (file for file in bundled(kind).iterdir() if file.name.endswith(suffix))
    for source in sorted(source_files, key=lambda file: file.name):
        target, content = folder / source.name, adapt(source.read_bytes())
        state = _state(target, content, force=force)
        if state in (FileState.CREATED, FileState.OVERWRITTEN):
            target.write_bytes(content)
        yield ExportedFile(target, state)


def _state(target: Path, content: bytes, *, force: bool) -> FileState:
    if not target.exists():
        return FileState.CREATED
    if target.read_bytes() == content:
        return FileState.UP_TO_DATE
    return FileState.OVERWRITTEN if force else FileState.KEPT
