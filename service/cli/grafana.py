"""`mttx grafana`: whether Grafana lets us in, its dashboards, and its annotations made anew."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from service.cli.config import config_option
from service.cli.grafana_tables import print_bootstrap, print_checks, print_resync, print_steps
from service.cli.incident import When
from service.cli.output import print_json
from service.clients.delivery import DeliveryError
from service.settings import Settings, load

output_option = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="json: for scripts."
)


@click.group()
def grafana() -> None:
    """Get a token, check the way into Grafana, bring the dashboards there, make annotations anew."""


@grafana.command()
@config_option
@output_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, output: str) -> None:
    """Say whether Grafana answers and what the token may do there, and what is missing; exit code 1 if something is.

    Nothing is changed in Grafana.
    """
    from service.clients.grafana.access import Rights
    from service.provisioning.checks import checks

    with _asking(path) as (settings, connection):
        found = list(checks(Rights(connection), settings.grafana.folder_uid))
    if output == "json":
        told = [{"check": one.name, "ok": one.ok, "detail": one.detail} for one in found]
        print_json({"url": settings.grafana.url, "checks": told})
    else:
        print_checks(str(settings.grafana.url), found)
    ctx.exit(1 if any(one.ok is False for one in found) else 0)


@grafana.command()
@config_option
@output_option
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Overwrite dashboards that somebody edited; their versions are kept.")
@click.pass_context
def provision(ctx: click.Context, path: Path | None, output: str, dry_run: bool, force: bool) -> None:
    """Bring the shipped dashboards into Grafana, in a folder of their own.

    A dashboard that somebody edited is left as it is, and the exit code is 1. Run again, it changes nothing.
    """
    from service.cli.grafana_provision import Run

    with _asking(path) as (settings, connection):
        run = Run(settings.grafana, connection, force=force)
        if not dry_run:
            run.carry_out()
    if output == "json":
        print_json({"url": settings.grafana.url, "dry_run": dry_run, **run.as_json()})
    else:
        print_steps(run.steps, run.folder, run.refused, dry_run=dry_run)
    ctx.exit(0 if run.is_complete else 1)


@grafana.command()
@config_option
@output_option
@click.option("--since", type=When(), help="Only incidents that are open or began since then; a time or an age (30d).")
@click.pass_context
def resync(ctx: click.Context, path: Path | None, output: str, since: str | None) -> None:
    """Make every annotation anew from what is recorded, after a cleanup in Grafana or for a new one.

    What is there already is found and kept, so nothing is doubled. May run beside `mttx serve`. Exit code 1 when
    something could not be delivered; it stays in the outbox then.
    """
    from service.cli.grafana_resync import Resync

    settings = _configured(path)
    run = Resync(settings, datetime.fromisoformat(since) if since else None)
    try:
        outcome = run.run(show=output == "text")
    finally:
        run.close()
    if output == "json":
        print_json({"url": settings.grafana.url, **outcome})
    else:
        print_resync(outcome)
    ctx.exit(0 if outcome["complete"] else 1)


@grafana.command()
@config_option
@output_option
@click.option("--name", default="mttx-exporter", show_default=True, help="The service account's name.")
@click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False), help="Instead of grafana.token_file.")
@click.option("--admin-user", default="admin", show_default=True, help="A user that may make service accounts.")
@click.option(
    "--admin-password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with that user's password; without it you are asked.",
)
def bootstrap(
    *,
    path: Path | None,
    output: str,
    name: str,
    token_file: Path | None,
    admin_user: str,
    admin_password_file: Path | None,
) -> None:
    """Make a service account with the role Editor, and write a token of it to the file that the service reads.

    Run again, it does nothing while the token in the file works; the administrator's password is needed once.
    """
    from service.cli.grafana_bootstrap import Bootstrap, password_from

    settings = _configured(path)
    target = token_file or settings.grafana.token_file
    if target is None:
        msg = "where shall the token go? Set grafana.token_file (MTTX_GRAFANA_TOKEN_FILE), or give --token-file"
        raise click.ClickException(msg)
    try:
        done = Bootstrap(settings.grafana, name, target).run(
            lambda: (admin_user, password_from(admin_password_file, admin_user)), datetime.now(UTC)
        )
    except DeliveryError as error:
        raise click.ClickException(str(error)) from error
    if output == "json":
        print_json(done)
    else:
        print_bootstrap(done)


@contextmanager
def _asking(path: Path | None) -> Iterator[tuple[Settings, Any]]:
    """Give the configuration and a connection; what Grafana refuses is said in a line."""
    from service.clients.grafana.configured import connection_to

    settings = _configured(path)
    connection = connection_to(settings.grafana)
    try:
        yield settings, connection
    except DeliveryError as error:
        raise click.ClickException(f"{error}\nmttx grafana check says more.") from error
    finally:
        connection.close()


def _configured(path: Path | None) -> Settings:
    settings = load(path, os.environ)
    if settings.grafana.url is None:
        raise click.ClickException("no Grafana is configured: set grafana.url (MTTX_GRAFANA_URL) and a token")
    return settings
