"""`mttx demo`: a quarter of made-up incidents in a temporary database, served at once."""

import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from service.history.demo.playing import play
from service.history.demo.quarter import SPAN, quarter
from service.settings.model import LogSettings, Settings
from service.store import Store, StoreRefused

USUAL_PORT = 9877


@click.command()
@click.option("--seed", type=int, default=7, show_default=True, help="A different seed gives different incidents.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: 9877, or another port if that is taken.")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Folder for the database, which is kept."
)
@click.option(
    "--export",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write its past metrics to this folder as OpenMetrics, one file per day, and do not serve.",
)
@click.option("--no-serve", is_flag=True, help="Only create the database; requires --keep.")
def demo(seed: int, port: int | None, keep: Path | None, folder: Path | None, no_serve: bool) -> None:
    """Try the service with a quarter of made-up incidents, some of them open, and postmortems that are due.

    Reads no configuration and writes only its own database, which is removed at the end.
    """
    if no_serve and keep is None:
        raise click.UsageError("--no-serve requires --keep: otherwise the database would be removed immediately")
    with _home(keep) as home:
        settings = Settings(
            listen=f"127.0.0.1:{_free_port() if port is None else port}",
            database_url=f"sqlite:///{home / 'demo.db'}",
            log=LogSettings(level="warning"),
        )
        now = datetime.now(UTC)
        _make(settings, now, seed)
        if folder is not None:
            _export(settings, folder, now)
        elif not no_serve:
            _serve(settings)


@contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="mttx-demo-") as home:
            yield Path(home)
        return
    if (keep / "demo.db").exists():
        raise click.UsageError(f"{keep / 'demo.db'} already exists; remove it, or serve it with MTTX_DATABASE_URL")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


def _make(settings: Settings, now: datetime, seed: int) -> None:
    began = time.perf_counter()
    policy = settings.policy()
    try:
        store = Store.open(settings.database, policy)
    except StoreRefused as error:
        raise click.ClickException(str(error)) from error
    try:
        incidents = play(store, policy, quarter(now, seed))
    finally:
        store.close()
    click.echo(f"{incidents} incidents of {SPAN.days} days in {time.perf_counter() - began:.1f} s", err=True)


def _export(settings: Settings, folder: Path, now: datetime) -> None:
    from service.history.commands.exporting import HEAD, write

    labels = {"job": "mttx", "instance": f"127.0.0.1:{USUAL_PORT}"}
    between = (now - SPAN, now - HEAD)
    report = write(settings, between, timedelta(minutes=5), labels, now, output=None, folder=folder)
    click.echo(f"{report['instants']:,} instants in {len(report['files'])} files of {folder}", err=True)


def _serve(settings: Settings) -> None:
    from service import logs
    from service.cli.serve import claim_address, exit_at, run
    from service.settings.web_config import load_web_config

    address, claim = claim_address(settings)
    logs.configure(settings.log.level)
    exit_at(signal.SIGTERM)
    base = f"http://{settings.listen}"
    click.echo(
        f"  overview               {base}/\n"
        f"  all incidents          {base}/incidents\n"
        f"  metrics                {base}/metrics\n"
        f"  indicators             {base}/api/v1/indicators?window=30d\n"
        "Press Ctrl-C to stop."
    )
    sys.stdout.flush()
    with claim:
        run(settings, load_web_config(settings.web_config_file), address)


def _free_port() -> int:
    """Return the usual port, or another if that is taken."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise click.ClickException("no free port on 127.0.0.1")
