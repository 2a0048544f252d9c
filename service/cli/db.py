"""`mttx db`: backup, restore, copy to another engine, pruning of old incidents, and checks of an engine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from service.cli.output import print_check, print_json, print_line
from service.cli.params import Duration, config_option, output_option
from service.settings.durations import format_duration
from service.settings.files import read_text
from service.settings.sources import load
from service.store import Store, StoreRefused, StoreUnavailable
from service.store.pruning import count_prunable, prune_some


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (StoreRefused, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


@click.group()
def db() -> None:
    """Maintain the database: backup, restore, copy, prune, probe."""
    os.umask(0o077)


@db.command()
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@output_option
@config_option
def backup(target: Path, output: str, path: Path | None) -> None:
    """Write a copy of the SQLite database to a new file, while the service runs, and check it."""
    from service.store.backup import back_up

    settings = load(path, os.environ)
    with _refusals():
        size = back_up(settings.database, target)
    if output == "json":
        print_json({"file": str(target), "bytes": size})
    else:
        print_line(f"{target}: {size:,} bytes, checked")


@db.command()
@click.argument("backup_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Move an existing database aside.")
@output_option
@config_option
def restore(backup_file: Path, replace: bool, output: str, path: Path | None) -> None:
    """Restore the SQLite database from a backup. Stop the service first."""
    from service.store.backup import restore as put_back

    settings = load(path, os.environ)
    with _refusals():
        aside = put_back(backup_file, settings.database, datetime.now(UTC), replace=replace)
    if output == "json":
        kept_as = str(aside) if aside else None
        print_json({"database": settings.database_shown, "file": str(backup_file), "kept_as": kept_as})
        return
    print_line(f"restored {settings.database_shown} from {backup_file}")
    if aside:
        print_line(f"the previous database is kept as {aside}")


@db.command()
@click.option(
    "--from",
    "source",
    metavar="URL",
    help="Such as sqlite:///mttx.db. Default: MTTX_COPY_FROM, or the file named by MTTX_COPY_FROM_FILE.",
)
@click.option(
    "--to",
    "target",
    metavar="URL",
    help="An empty database. Default: MTTX_COPY_TO, or the file named by MTTX_COPY_TO_FILE.",
)
@output_option
def copy(source: str | None, target: str | None, output: str) -> None:
    """Copy a database into an empty one, of either engine, and compare every row. Stop the service first.

    Arguments are visible to every user of the machine: pass a URL with a password in the environment or in a file.
    """
    from service.store.copying import copy as copy_all

    source, target = _address(source, "--from", "MTTX_COPY_FROM"), _address(target, "--to", "MTTX_COPY_TO")
    console = Console(stderr=True)
    with _refusals(), Status("copying", console=console) as status:

        def progress(doing: str, table: str, rows: int) -> None:
            status.update(f"{doing} {rows:,} rows of {table}")

        rows = copy_all(source, target, progress)
    if output == "json":
        print_json({"rows": rows})
    else:
        print_line(f"copied and compared {rows:,} rows")


def _address(url: str | None, option: str, variable: str) -> str:
    """Return the URL of a database: the argument, else the environment variable, else the file that it names."""
    file = os.environ.get(f"{variable}_FILE")
    if url := url or os.environ.get(variable):
        return url
    if not file:
        raise click.UsageError(f"give {option} URL, {variable}, or {variable}_FILE")
    try:
        return read_text(Path(file)).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read {variable}_FILE: {error}") from error


@db.command()
@click.argument("url", required=False)
@output_option
@click.pass_context
def probe(ctx: click.Context, url: str | None, output: str) -> None:
    """Check that a database with PostgreSQL's protocol does what replicas rely on; exit code 1 if not.

    Creates the table mttx_probe and drops it. Without URL, MTTX_DATABASE_URL or the file named by
    MTTX_DATABASE_URL_FILE is checked.
    """
    from service.store.probe import probe as probe_database

    with _refusals():
        results = probe_database(_address(url, "the", "MTTX_DATABASE_URL"))
    if output == "json":
        print_json({"checks": [asdict(result) for result in results]})
    else:
        for result in results:
            print_check(result.check, result.detail, ok=result.ok)
    ctx.exit(0 if all(result.ok for result in results) else 1)


@db.command()
@click.option("--older-than", "age", type=Duration(), help="Such as 400d. Default: `retention.incidents`.")
@click.option("--dry-run", is_flag=True, help="Only count the incidents that would be removed.")
@output_option
@config_option
def prune(age: timedelta | None, dry_run: bool, output: str, path: Path | None) -> None:
    """Remove old incidents with nothing outstanding; may run beside the service.

    Running totals stay as they are. Incidents that an indicator window may still contain are never removed.
    """
    settings = load(path, os.environ)
    age = age or settings.retention.incidents
    longest = max(settings.window_lengths.values())
    if age is None:
        raise click.UsageError(
            "retention.incidents is not set, so everything is kept: pass an age such as --older-than 400d"
        )
    if age <= longest:
        raise click.UsageError(f"pass more than {format_duration(longest)}: the longest window needs those incidents")
    before = datetime.now(UTC) - age
    with _refusals():
        store = Store.beside(settings.database, settings.policy())
        try:
            incidents, events = (store.read(count_prunable, before), 0) if dry_run else _prune(store, before)
        finally:
            store.close()
    if output == "json":
        print_json({"dry_run": dry_run, "before": before.isoformat(), "incidents": incidents, "events": events})
        return
    result = (
        f"would remove {incidents:,} incidents" if dry_run else f"removed {incidents:,} incidents, {events:,} events"
    )
    print_line(f"{result} from before {before.astimezone(settings.display_timezone):%Y-%m-%d}")


def _prune(store: Store, before: datetime) -> tuple[int, int]:
    incidents = events = 0
    with Status("pruning", console=Console(stderr=True, quiet=not sys.stderr.isatty())) as status:
        last: int | None = 0
        while last is not None:
            pruned = store.write(prune_some, before, last)
            incidents, events, last = incidents + pruned.incidents, events + pruned.events, pruned.last
            status.update(f"removed {incidents:,} incidents")
    return incidents, events
