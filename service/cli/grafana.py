"""`mttx grafana`: credentials for Grafana, its dashboards, and its annotations."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from service.cli.grafana_tables import print_bootstrap, print_checks, print_resync, print_steps, step_json
from service.cli.output import print_json
from service.cli.params import Instant, config_option, output_option
from service.clients.errors import RequestFailed
from service.settings.model import Settings
from service.settings.sources import load


@click.group()
def grafana() -> None:
    """Create a token, check access, install the dashboards, recreate annotations."""


@grafana.command()
@config_option
@output_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, output: str) -> None:
    """Check that Grafana answers and that the token has the permissions it needs; exit code 1 if not.

    Changes nothing in Grafana.
    """
    from service.clients.grafana.access import Rights
    from service.provisioning.checks import checks

    with _connected(path) as (settings, connection):
        results = list(checks(Rights(connection), settings.grafana.folder_uid))
    if output == "json":
        shapes = [{"check": result.name, "ok": result.ok, "detail": result.detail} for result in results]
        print_json({"url": settings.grafana.url, "checks": shapes})
    else:
        print_checks(str(settings.grafana.url), results)
    ctx.exit(1 if any(result.ok is False for result in results) else 0)


@grafana.command()
@config_option
@output_option
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--force", is_flag=True, help="Overwrite edited dashboards; Grafana keeps their versions.")
@click.pass_context
def provision(ctx: click.Context, path: Path | None, output: str, dry_run: bool, force: bool) -> None:
    """Install the bundled dashboards in Grafana, in a folder of their own.

    Edited dashboards are left as they are, and the exit code is 1. Running it again changes nothing.
    """
    from service.clients.grafana.dashboards import AlreadyExists
    from service.provisioning.provisioner import HIDDEN, Provisioner

    with _connected(path) as (settings, connection):
        title, uid = settings.grafana.folder, settings.grafana.folder_uid
        run = Provisioner(connection, uid, [dimension.label for dimension in settings.breakdown], force=force)
        try:
            if not dry_run:
                run.apply(title, partial(click.echo, err=True))
        except AlreadyExists as error:
            msg = f"a folder with the uid {uid!r} or the title {title!r} {HIDDEN}, or set grafana.folder_uid to it"
            raise click.ClickException(f"{msg} ({error})") from error
    folder = {"title": title, "uid": uid, "action": "create" if run.creates_folder else "nothing"}
    if output == "json":
        dashboards = [step_json(step, run.refused) for step in run.steps]
        print_json({"url": settings.grafana.url, "dry_run": dry_run, "folder": folder, "dashboards": dashboards})
    else:
        print_steps(run.steps, folder, run.refused, settings.display_timezone, dry_run=dry_run)
    ctx.exit(0 if run.is_complete else 1)


@grafana.command()
@config_option
@output_option
@click.option(
    "--since", type=Instant(), help="Only incidents that are open or began since then: a time or an age (30d)."
)
@click.pass_context
def resync(ctx: click.Context, path: Path | None, output: str, since: datetime | None) -> None:
    """Recreate every annotation from the database, after a cleanup in Grafana or for a new Grafana.

    Existing annotations are kept, so nothing is duplicated. May run beside `mttx serve`. Exit code 1 if some could not
    be delivered; they stay in the outbox.
    """
    from service.cli.grafana_resync import Resync

    settings = _configured(path)
    run = Resync(settings, since)
    try:
        result = run.run(show=output == "text")
    finally:
        run.close()
    if output == "json":
        print_json({"url": settings.grafana.url, **result})
    else:
        print_resync(result)
    ctx.exit(0 if result["complete"] else 1)


@grafana.command()
@config_option
@output_option
@click.option("--name", default="mttx-exporter", show_default=True, help="The service account's name.")
@click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False), help="Default: grafana.token_file.")
@click.option("--admin-user", default="admin", show_default=True, help="A user that may create service accounts.")
@click.option(
    "--admin-password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with that user's password. Default: prompt for it.",
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
    """Create a service account with the role Editor, and write its token to the file that the service reads.

    Does nothing while the token in the file works; the administrator's password is needed only once.
    """
    from service.cli.grafana_bootstrap import Bootstrap, password_from

    settings = _configured(path)
    target = token_file or settings.grafana.token_file
    if target is None:
        msg = "no file for the token: set grafana.token_file (MTTX_GRAFANA_TOKEN_FILE), or pass --token-file"
        raise click.ClickException(msg)
    try:
        result = Bootstrap(settings.grafana, name, target).run(
            lambda: (admin_user, password_from(admin_password_file, admin_user)), datetime.now(UTC)
        )
    except RequestFailed as error:
        raise click.ClickException(str(error)) from error
    if output == "json":
        print_json(result)
    else:
        print_bootstrap(result)


@contextmanager
def _connected(path: Path | None) -> Iterator[tuple[Settings, Any]]:
    """Yield the configuration and a connection; errors of Grafana are printed in one line."""
    from service.wiring.clients import grafana_connection

    settings = _configured(path)
    connection = grafana_connection(settings.grafana)
    try:
        yield settings, connection
    except RequestFailed as error:
        raise click.ClickException(f"{error}\n`mttx grafana check` shows details.") from error
    finally:
        connection.close()


def _configured(path: Path | None) -> Settings:
    settings = load(path, os.environ)
    if settings.grafana.url is None:
        raise click.ClickException("no Grafana is configured: set grafana.url (MTTX_GRAFANA_URL) and a token")
    return settings
