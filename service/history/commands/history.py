"""`mttx history`: import past incidents, and export past metrics for Prometheus."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from service.cli.output import count_of, print_json
from service.cli.params import Duration, Instant, Pair, Zone, config_option, output_option
from service.history.commands.options import import_options, time_formats
from service.history.importing.imported import HISTORY, PostmortemDue, Unresolved
from service.history.importing.parsing import Format
from service.settings.files import read_all, read_bytes
from service.settings.sources import load


@click.group()
def history() -> None:
    """Import past incidents, and export past metrics for Prometheus."""


@history.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.MTTX.value,
    show_default=True,
    help="The tool that exported the files; mttx: the columns in docs/history.md.",
)
@click.option(
    "--map",
    "columns",
    type=Pair("THEIRS=OURS", at_last=True),
    multiple=True,
    help="Read a column, or a path into JSON, as one of our columns; - ignores it.",
)
@click.option(
    "--mapping", type=click.Path(dir_okay=False, path_type=Path), help="A YAML file with columns and severities."
)
@click.option(
    "--severity-map",
    "severities",
    type=Pair("THEIRS=OURS", at_last=True),
    multiple=True,
    help="A severity mapping such as critical=SEV-1.",
)
@click.option(
    "--timezone", "zone", type=Zone(), help="The time zone of times without one, which are refused otherwise."
)
@click.option(
    "--time-format",
    "time_formats",
    multiple=True,
    callback=time_formats,
    help="A time format besides ISO 8601, as for strptime, or epoch or epoch-ms. Repeat it for several formats.",
)
@click.option("--fold", is_flag=True, help="Merge all lines with the same key into one incident: for a log of updates.")
@click.option("--source", default=HISTORY, show_default=False, help="The system that the keys come from.")
@click.option("--since", type=Instant(), help="Skip incidents detected before this.")
@click.option(
    "--before", type=Instant(), help="Skip incidents detected from this time on, which webhooks have reported."
)
@click.option(
    "--unresolved",
    type=click.Choice([choice.value for choice in Unresolved]),
    default=Unresolved.STALE.value,
    show_default=True,
    help="What to do with an old incident without an end: close it as stale, leave it open, or refuse it.",
)
@click.option(
    "--owed",
    type=click.Choice([choice.value for choice in PostmortemDue]),
    default=PostmortemDue.AHEAD.value,
    show_default=True,
    help="Which missing postmortems are required: those not due yet, all, or none.",
)
@click.option("--dry-run", is_flag=True, help="Run the import and roll it back.")
@click.option("--skip-bad", is_flag=True, help="Import the valid lines even if others are faulty.")
@click.option("--annotate", is_flag=True, help="Create Grafana annotations for imported incidents.")
@output_option
@config_option
def import_(files: tuple[Path, ...], output: str, path: Path | None, **options: Any) -> None:
    """Import past incidents from CSV, JSON lines, or the exports of other tools.

    Stop the service first: only one process can use an SQLite file. With PostgreSQL it may run. Nothing is imported
    unless every line is valid; importing the same file again changes nothing. Exit code 1: some lines are faulty.
    """
    from service.history.commands.importing import Import, show

    settings = load(path, os.environ)
    reading = import_options(settings, options)
    task = Import(settings, Format(options["form"]), reading, datetime.now(UTC))
    report = task.run(
        _read(files),
        (options["since"], options["before"]),
        dry_run=options["dry_run"],
        skip_bad=options["skip_bad"],
        annotate=options["annotate"],
        bar=sys.stderr.isatty() and output == "text",
    )
    if output == "json":
        print_json(report)
    else:
        show(report)
    if report["bad"]:
        sys.exit(1)


@history.command("export-openmetrics")
@click.option(
    "--from", "since", type=Instant(), required=True, help="Start: a time with a zone, or an age such as 90d."
)
@click.option("--to", "until", type=Instant(), help="End. Default and latest possible: three hours ago.")
@click.option(
    "--step", type=Duration(whole_seconds=True), default="5m", show_default=True, help="Time between samples."
)
@click.option(
    "--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="A single file. Default: stdout."
)
@click.option(
    "--by-day", "folder", type=click.Path(file_okay=False, path_type=Path), help="Target folder; one file per day."
)
@click.option(
    "--label",
    "labels",
    type=Pair(),
    multiple=True,
    help="A label that your scrape adds. Default: job=mttx and instance=<listen>.",
)
@config_option
def export_openmetrics(file: Path | None, folder: Path | None, path: Path | None, **options: Any) -> None:
    """Write past metrics as they would have been scraped, for promtool. The service may be running.

    For more than a day or two use --by-day: promtool reads the whole file for every block that it creates.
    """
    from service.history.commands.exporting import HEAD, LONG, write

    settings = load(path, os.environ)
    now = datetime.now(UTC)
    latest = now - HEAD
    since, until = options["since"], options["until"] or latest
    if until > latest:
        raise click.UsageError(
            f"--to can be {latest.astimezone(settings.display_timezone).isoformat(timespec='minutes')} at the latest: "
            "Prometheus keeps the last three hours in memory"
        )
    if file and folder:
        raise click.UsageError("use either --output or --by-day")
    if folder is None and until - since > LONG:
        click.echo("A single file of this length is slow for promtool; --by-day writes one per day.", err=True)
    if options["step"] > timedelta(minutes=5):
        click.echo("Prometheus looks back five minutes: with a longer --step, graphs have gaps.", err=True)
    labels = dict(options["labels"]) or {"job": "mttx", "instance": settings.listen}
    report = write(settings, (since, until), options["step"], labels, now, output=file, folder=folder)
    files = count_of(len(report["files"]), "file")
    click.echo(
        f"{report['instants']:,} instants from {report['from']} to {report['to']} in {files}, "
        f"{report['bytes']:,} bytes; labels {', '.join(f'{k}={v}' for k, v in labels.items())}",
        err=True,
    )


MAX_HISTORY = 256 * 1024 * 1024
"""The size limit of an imported file."""


def _read(files: Iterable[Path]) -> list[tuple[str, bytes]]:
    contents = []
    for file in files:
        try:
            is_stdin = str(file) == "-"
            content = read_all(sys.stdin.buffer, "-", MAX_HISTORY) if is_stdin else read_bytes(file, MAX_HISTORY)
            contents.append((str(file), content))
        except OSError as error:
            raise click.ClickException(f"cannot read {file}: {error.strerror or error}") from error
    return contents
