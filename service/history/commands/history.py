"""`mttx history`: incidents of the past into the database, and the past out of it into Prometheus."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from service.cli.output import print_json
from service.cli.params import Duration, Instant, Pair, Zone, config_option, output_option
from service.history.commands.options import reading_of, time_formats
from service.history.importing.parsing import Format
from service.history.importing.past import HISTORY, Owed, Unresolved
from service.settings import load
from service.settings.files import read_all, read_bytes


@click.group()
def history() -> None:
    """Bring in incidents of the past, and write the metrics of the past for Prometheus."""


@history.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.MTTX.value,
    show_default=True,
    help="Whose names the files use; mttx: the columns of docs/history.md.",
)
@click.option(
    "--map",
    "columns",
    type=Pair("THEIRS=OURS", at_last=True),
    multiple=True,
    help="Read a column of theirs, or a path into JSON, as one of ours, and only so; - leaves it out.",
)
@click.option(
    "--mapping", type=click.Path(dir_okay=False, path_type=Path), help="A YAML file with columns, severities."
)
@click.option(
    "--severity-map",
    "severities",
    type=Pair("THEIRS=OURS", at_last=True),
    multiple=True,
    help="Such as critical=SEV-1.",
)
@click.option("--timezone", "zone", type=Zone(), help="The zone of times without one; otherwise they are refused.")
@click.option(
    "--time-format",
    "time_formats",
    multiple=True,
    callback=time_formats,
    help="How times are written beside ISO 8601, as for strptime; or epoch, epoch-ms. Several are tried.",
)
@click.option("--fold", is_flag=True, help="Make one incident of all lines with the same key: a log of updates.")
@click.option("--source", default=HISTORY, show_default=False, help="The system that the keys are from.")
@click.option("--since", type=Instant(), help="Leave out what was detected earlier.")
@click.option("--before", type=Instant(), help="Leave out what was detected then or later, as webhooks told of it.")
@click.option(
    "--unresolved",
    type=click.Choice([one.value for one in Unresolved]),
    default=Unresolved.STALE.value,
    show_default=True,
    help="What an old incident without an end is: closed as stale, still open, or a mistake.",
)
@click.option(
    "--owed",
    type=click.Choice([one.value for one in Owed]),
    default=Owed.AHEAD.value,
    show_default=True,
    help="Which postmortems are owed: those not due yet, all that are missing, or none.",
)
@click.option("--dry-run", is_flag=True, help="Do everything, and take it back.")
@click.option("--skip-bad", is_flag=True, help="Import what is good, although some lines are bad.")
@click.option("--annotate", is_flag=True, help="Have Grafana's annotations made for what is imported.")
@output_option
@config_option
def import_(files: tuple[Path, ...], output: str, path: Path | None, **said: Any) -> None:
    """Import incidents of the past from CSV, JSON lines, or the exports of other tools.

    Stop the service first: the SQLite file is for one process alone. With PostgreSQL it may run. Nothing is imported
    unless every line is good; the same file again changes nothing. Exit code 1: some lines are bad.
    """
    from service.history.commands.importing import Import, show

    settings = load(path, os.environ)
    reading = reading_of(settings, said)
    task = Import(settings, Format(said["form"]), reading, datetime.now(UTC))
    report = task.run(
        _read(files),
        (said["since"], said["before"]),
        dry_run=said["dry_run"],
        skip_bad=said["skip_bad"],
        annotate=said["annotate"],
        bar=sys.stderr.isatty() and output == "text",
    )
    if output == "json":
        print_json(report)
    else:
        show(report)
    if report["bad"]:
        sys.exit(1)


@history.command("export-openmetrics")
@click.option("--from", "since", type=Instant(), required=True, help="A time with a zone, or an age such as 90d.")
@click.option("--to", "until", type=Instant(), help="Three hours ago at the latest, which is the default.")
@click.option(
    "--step", type=Duration(whole_seconds=True), default="5m", show_default=True, help="From one sample to the next."
)
@click.option("--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="One file. Default: stdout.")
@click.option("--by-day", "folder", type=click.Path(file_okay=False, path_type=Path), help="A folder; one file a day.")
@click.option(
    "--label",
    "labels",
    type=Pair(),
    multiple=True,
    help="The labels that your scrape adds. Default: job=mttx and instance=<listen>.",
)
@config_option
def export_openmetrics(file: Path | None, folder: Path | None, path: Path | None, **said: Any) -> None:
    """Write the metrics of the past as they would have been scraped, for promtool; also beside the running service.

    For more than a day or two take --by-day: promtool reads a whole file again for every block that it makes.
    """
    from service.history.commands.exporting import HEAD, LONG, write

    settings = load(path, os.environ)
    now = datetime.now(UTC)
    latest = now - HEAD
    since, until = said["since"], said["until"] or latest
    if until > latest:
        raise click.UsageError(
            f"--to is at most {latest:%Y-%m-%dT%H:%MZ}: Prometheus holds the last three hours itself"
        )
    if file and folder:
        raise click.UsageError("--output or --by-day, not both")
    if folder is None and until - since > LONG:
        click.echo("One file for so long a time is slow to read for promtool; --by-day makes one a day.", err=True)
    if said["step"] > timedelta(minutes=5):
        click.echo("Prometheus looks back five minutes: with a longer --step graphs have gaps.", err=True)
    labels = dict(said["labels"]) or {"job": "mttx", "instance": settings.listen}
    report = write(settings, (since, until), said["step"], labels, now, output=file, folder=folder)
    click.echo(
        f"{report['instants']:,} instants from {report['from']} to {report['to']} in {len(report['files']):,} files, "
        f"{report['bytes']:,} bytes; labels {', '.join(f'{k}={v}' for k, v in labels.items())}",
        err=True,
    )


MOST_HISTORY = 256 * 1024 * 1024
"""What one exported file may have."""


def _read(files: Iterable[Path]) -> list[tuple[str, bytes]]:
    found = []
    for file in files:
        try:
            is_stdin = str(file) == "-"
            content = read_all(sys.stdin.buffer, "-", MOST_HISTORY) if is_stdin else read_bytes(file, MOST_HISTORY)
            found.append((str(file), content))
        except OSError as error:
            raise click.ClickException(f"cannot read {file}: {error.strerror or error}") from error
    return found
