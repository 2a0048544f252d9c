"""`mttx history`: incidents of the past into the database, and the past out of it into Prometheus."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from service.app import policy_of
from service.cli.config import config_option
from service.cli.incident import When
from service.domain.policy import Severity
from service.intake.history.columns import NAMES
from service.intake.history.parsing import Format
from service.intake.history.past import HISTORY, Owed, Reading, Unresolved
from service.settings import Settings, load
from service.settings.durations import parse_duration
from service.settings.yaml_text import NotYaml, parse_yaml

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Length(click.ParamType[timedelta]):
    """A duration of whole seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration."""
        try:
            length = parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if length < timedelta(seconds=1) or length % timedelta(seconds=1):
            self.fail(f"{value!r} should be a whole number of seconds, one at least", param, ctx)
        return length


class _Zone(click.ParamType[ZoneInfo]):
    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Return an IANA zone."""
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone such as Asia/Tokyo or UTC", param, ctx)


class _Pair(click.ParamType[tuple[str, str]]):
    """`THEIRS=OURS`."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return both sides."""
        theirs, equals, ours = str(value).rpartition("=")
        if not theirs or not equals or not ours:
            self.fail(f"{value!r} should be THEIRS=OURS", param, ctx)
        return theirs.strip(), ours.strip()


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
@click.option("--map", "columns", type=_Pair(), multiple=True, help="Read a column of theirs as one of ours.")
@click.option(
    "--mapping", type=click.Path(dir_okay=False, path_type=Path), help="A YAML file with columns, severities."
)
@click.option("--severity-map", "severities", type=_Pair(), multiple=True, help="Such as critical=SEV-1.")
@click.option("--timezone", "zone", type=_Zone(), help="The zone of times without one; otherwise they are refused.")
@click.option("--time-format", help="How times are written, as for strptime; or epoch, epoch-ms.")
@click.option("--source", default=HISTORY, show_default=False, help="The system that the keys are from.")
@click.option("--since", type=When(), help="Leave out what was detected earlier.")
@click.option("--before", type=When(), help="Leave out what was detected then or later, as webhooks told of it.")
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
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@config_option
def import_(files: tuple[Path, ...], output: str, path: Path | None, **said: Any) -> None:
    """Import incidents of the past from CSV, JSON lines, or the exports of other tools.

    Stop the service first: the SQLite file is for one process alone. With PostgreSQL it may run. Nothing is imported
    unless every line is good; the same file again changes nothing. Exit code 1: some lines are bad.
    """
    from service.cli.history_import import Import, show

    settings = load(path, os.environ)
    reading = _reading(settings, said)
    task = Import(settings, Format(said["form"]), reading, datetime.now(UTC))
    since, before = (datetime.fromisoformat(at) if at else None for at in (said["since"], said["before"]))
    report = task.run(
        _read(files),
        (since, before),
        dry_run=said["dry_run"],
        skip_bad=said["skip_bad"],
        annotate=said["annotate"],
        bar=sys.stderr.isatty() and output == "text",
    )
    if output == "json":
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        show(report)
    if report["bad"]:
        sys.exit(1)


@history.command("export-openmetrics")
@click.option("--from", "since", type=When(), required=True, help="A time with a zone, or an age such as 90d.")
@click.option("--to", "until", type=When(), help="Three hours ago at the latest, which is the default.")
@click.option("--step", type=Length(), default="5m", show_default=True, help="From one sample to the next.")
@click.option("--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="One file. Default: stdout.")
@click.option("--by-day", "folder", type=click.Path(file_okay=False, path_type=Path), help="A folder; one file a day.")
@click.option(
    "--label",
    "labels",
    type=_Pair(),
    multiple=True,
    help="The labels that your scrape adds. Default: job=mttx and instance=<listen>.",
)
@config_option
def export_openmetrics(file: Path | None, folder: Path | None, path: Path | None, **said: Any) -> None:
    """Write the metrics of the past as they would have been scraped, for promtool; also beside the running service.

    For more than a day or two take --by-day: promtool reads a whole file again for every block that it makes.
    """
    from service.cli.history_export import HEAD, LONG, write

    settings = load(path, os.environ)
    now = datetime.now(UTC)
    latest = now - HEAD
    since = datetime.fromisoformat(said["since"])
    until = datetime.fromisoformat(said["until"]) if said["until"] else latest
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


def _read(files: Iterable[Path]) -> list[tuple[str, bytes]]:
    found = []
    for file in files:
        try:
            found.append((str(file), sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()))
        except OSError as error:
            raise click.ClickException(f"cannot read {file}: {error.strerror or error}") from error
    return found


def _reading(settings: Settings, said: Mapping[str, Any]) -> Reading:
    mapping = _mapping(said["mapping"]) if said["mapping"] else {}
    columns = {**mapping.get("columns", {}), **dict(said["columns"])}
    for ours in columns.values():
        if ours not in NAMES:
            raise click.UsageError(f"--map: {ours!r} is none of our columns: {', '.join(sorted(NAMES))}")
    if not _SOURCE.fullmatch(said["source"]):
        raise click.UsageError("--source should be lower case letters, digits and _")
    given = {**mapping.get("severities", {}), **dict(said["severities"])}
    severities = {name.lower(): Severity(severity) for name, severity in settings.severity_map.items()}
    if said["form"] in (Format.PAGERDUTY, Format.OPSGENIE):
        severities |= {name.lower(): Severity(to) for name, to in settings.pagerduty.priority_map.items()}
    return Reading(
        policy=policy_of(settings),
        zone=said["zone"],
        time_format=said["time_format"],
        columns=columns,
        severities=severities | {name.lower(): _severity(to) for name, to in given.items()},
        source=said["source"],
        unresolved=Unresolved(said["unresolved"]),
        owed=Owed(said["owed"]),
    )


def _severity(said: str) -> Severity:
    try:
        return Severity(said.upper())
    except ValueError:
        raise click.UsageError(f"--severity-map: {said!r} should be one of {', '.join(Severity)}") from None


def _mapping(file: Path) -> dict[str, dict[str, str]]:
    """Read a mapping file: `columns` and `severities`, each a mapping of text to text."""
    try:
        read = parse_yaml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NotYaml) as error:
        raise click.UsageError(f"cannot read --mapping {file}: {error}") from error
    known = {"columns", "severities"}
    if not isinstance(read, dict) or not set(read) <= known or not all(isinstance(one, dict) for one in read.values()):
        raise click.UsageError(f"--mapping {file} should have columns: and severities:, each THEIRS: OURS")
    return {name: {str(theirs): str(ours) for theirs, ours in pairs.items()} for name, pairs in read.items()}
