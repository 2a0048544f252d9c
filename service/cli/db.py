"""`mttx db`: backing up, restoring, moving to another engine, and forgetting what is long over."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from service.app import policy_of
from service.cli.config import config_option
from service.settings import load
from service.settings.durations import format_duration, parse_duration
from service.settings.files import read_text
from service.store import Store, StoreRefused, StoreUnavailable


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read a duration such as 400d."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (StoreRefused, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


@click.group()
def db() -> None:
    """Look after the database: backup, restore, copy, prune."""
    os.umask(0o077)


@db.command()
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@config_option
def backup(target: Path, path: Path | None) -> None:
    """Write a copy of the SQLite database into a new file, beside the running service, and check it."""
    from service.store.backup import back_up

    settings = load(path, os.environ)
    with _refusals():
        size = back_up(settings.database, target)
    click.echo(f"{target}: {size:,} bytes, checked")


@db.command()
@click.argument("backup_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Move the database that is there aside.")
@config_option
def restore(backup_file: Path, replace: bool, path: Path | None) -> None:
    """Put a backup in the place of the SQLite database. Stop the service first."""
    from service.store.backup import restore as put_back

    settings = load(path, os.environ)
    with _refusals():
        aside = put_back(backup_file, settings.database, datetime.now(UTC), replace=replace)
    click.echo(f"restored {settings.database_shown} from {backup_file}")
    if aside:
        click.echo(f"what was there is kept as {aside}")


@db.command()
@click.option("--from", "source", metavar="URL", help="Such as sqlite:///mttx.db; else MTTX_COPY_FROM, or its _FILE.")
@click.option("--to", "target", metavar="URL", help="An empty database; else MTTX_COPY_TO, or its _FILE.")
def copy(source: str | None, target: str | None) -> None:
    """Copy a database into an empty one, of whichever engine, and compare every row. Stop the service first.

    Arguments can be read by everybody on the machine: give a URL with a password by the environment, or in a file.
    """
    from service.store.copying import copy as copy_all

    source, target = _address(source, "--from", "MTTX_COPY_FROM"), _address(target, "--to", "MTTX_COPY_TO")
    console = Console(stderr=True)
    with _refusals(), Status("copying", console=console) as status:

        def progress(doing: str, table: str, rows: int) -> None:
            status.update(f"{doing} {rows:,} rows of {table}")

        rows = copy_all(source, target, progress)
    click.echo(f"copied and compared {rows:,} rows")


def _address(written: str | None, option: str, variable: str) -> str:
    """Return the URL of a database: as it was written, else from the environment, else from the file that it names."""
    file = os.environ.get(f"{variable}_FILE")
    if found := written or os.environ.get(variable):
        return found
    if not file:
        raise click.UsageError(f"give {option} URL, {variable}, or {variable}_FILE")
    try:
        return read_text(Path(file)).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read {variable}_FILE: {error}") from error


@db.command()
@click.option("--older-than", "age", type=_Age(), help="Instead of the configured `retention.incidents`, such as 400d.")
@click.option("--dry-run", is_flag=True, help="Only say how many incidents would be forgotten.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@config_option
def prune(age: timedelta | None, dry_run: bool, output: str, path: Path | None) -> None:
    """Forget incidents that were over long ago and owe nothing; also beside the running service.

    Running totals stay as they are. Never forgets what a window of the indicators may still hold.
    """
    settings = load(path, os.environ)
    age = age or settings.retention.incidents
    longest = max(settings.window_lengths.values())
    if age is None:
        raise click.UsageError(
            "retention.incidents is not configured, so that everything is kept: give --older-than 400d"
        )
    if age <= longest:
        raise click.UsageError(f"the longest window needs incidents for more than {format_duration(longest)}")
    before = datetime.now(UTC) - age
    with _refusals():
        store = Store.beside(settings.database, policy_of(settings))
        try:
            incidents, events = (store.prunable(before), 0) if dry_run else _prune(store, before)
        finally:
            store.close()
    if output == "json":
        click.echo(
            json.dumps({"dry_run": dry_run, "before": before.isoformat(), "incidents": incidents, "events": events})
        )
    else:
        would = (
            f"would forget {incidents:,} incidents" if dry_run else f"forgot {incidents:,} incidents, {events:,} events"
        )
        click.echo(f"{would} from before {before:%Y-%m-%d}")


def _prune(store: Store, before: datetime) -> tuple[int, int]:
    incidents = events = 0
    with Status("forgetting", console=Console(stderr=True, quiet=not sys.stderr.isatty())) as status:
        for done in store.prune(before):
            incidents, events = incidents + done.incidents, events + done.events
            status.update(f"forgot {incidents:,} incidents")
    return incidents, events
