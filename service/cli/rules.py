"""`mttx rules`: the shipped alert rules, for Prometheus' rule_files."""

from pathlib import Path

import click

from service.cli.export import export


@click.group()
def rules() -> None:
    """Take out the rules that come with the program."""


@rules.command("export")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="mttx-rules",
    show_default=True,
    help="Where to; made where it is not there.",
)
@click.option("--force", is_flag=True, help="Overwrite files that differ from the shipped ones.")
@click.pass_context
def export_rules(ctx: click.Context, folder: Path, force: bool) -> None:
    """Write Prometheus' rule files to a folder.

    A file that is there and differs is left as it is, and the exit code is 1.
    """
    ctx.exit(0 if export("alert_rules", ".yml", folder, force=force) else 1)
