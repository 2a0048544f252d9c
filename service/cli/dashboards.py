"""`mttx dashboards`: the shipped dashboards, for Grafana's file provisioning or an import by hand."""

from pathlib import Path

import click

from service.cli.export import export


@click.group()
def dashboards() -> None:
    """Take out the dashboards that come with the program."""


@dashboards.command("export")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="mttx-dashboards",
    show_default=True,
    help="Where to; made where it is not there.",
)
@click.option("--force", is_flag=True, help="Overwrite files that differ from the shipped ones.")
@click.pass_context
def export_dashboards(ctx: click.Context, folder: Path, force: bool) -> None:
    """Write Grafana's dashboards to a folder.

    A file that is there and differs is left as it is, and the exit code is 1.
    """
    ctx.exit(0 if export("dashboards", ".json", folder, force=force) else 1)
