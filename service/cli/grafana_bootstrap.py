"""One run of `mttx grafana bootstrap`: a service account, its token, and the file that the service reads."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from service.clients.errors import Reason, RequestFailed
from service.clients.grafana.access import Rights
from service.clients.grafana.bootstrap import ENOUGH, ServiceAccount, ServiceAccounts
from service.clients.grafana.connection import Connection
from service.settings.files import read_text
from service.settings.grafana import GrafanaSettings
from service.wiring.clients import grafana_connection

REFUSED = (Reason.UNAUTHORIZED, Reason.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Ensures that `token_file` has a token of the service account `name`."""

    grafana: GrafanaSettings
    name: str
    token_file: Path

    def works(self) -> bool:
        """Return whether the file has a token that may annotate. Raises RequestFailed if Grafana is down."""
        if not self.token_file.is_file():
            return False
        connection = grafana_connection(replace_token(self.grafana, self.token_file))
        try:
            return connection.get("/org") is not None and Rights(connection).may_annotate()
        except RequestFailed as error:
            if error.reason in REFUSED:
                return False
            raise
        finally:
            connection.close()

    def run(self, credentials: Callable[[], tuple[str, str]], now: datetime) -> dict[str, Any]:
        """Create what is missing, and return what was done; `credentials` is called only if needed."""
        if self.works():
            return self._result(account="nothing", token="nothing")  # noqa: S106 - what was done, not a token
        administrator = credentials()
        connection = grafana_connection(self.grafana, lambda: administrator)
        try:
            return self._carried_out(connection, now)
        finally:
            connection.close()

    def _carried_out(self, connection: Connection, now: datetime) -> dict[str, Any]:
        accounts = ServiceAccounts(connection)
        with new_secret(self.token_file) as write:
            account, action = self._account(accounts)
            write(accounts.new_token(account, f"{self.name} {now:%Y-%m-%dT%H:%M:%S.%fZ}"))
        return self._result(account=action, token="create")  # noqa: S106 - what was done, not a token

    def _account(self, accounts: ServiceAccounts) -> tuple[ServiceAccount, str]:
        account = accounts.find(self.name)
        if account is None:
            return accounts.create(self.name), "create"
        if account.is_disabled:
            msg = f"the service account {self.name!r} is disabled in Grafana; enable it there, or pass another --name"
            raise click.ClickException(msg)
        if account.role in ENOUGH:
            return account, "nothing"
        accounts.make_editor(account)
        return account, "update"

    def _result(self, *, account: str, token: str) -> dict[str, Any]:
        return {
            "url": self.grafana.url,
            "service_account": {"name": self.name, "action": account},
            "token": {"file": str(self.token_file), "action": token},
        }


def replace_token(grafana: GrafanaSettings, token_file: Path) -> GrafanaSettings:
    """Return the configuration with the token of this file."""
    return grafana.model_copy(update={"token": None, "token_file": token_file})


@contextmanager
def new_secret(path: Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes a secret readable by the owner only; the file is created atomically.

    The file is opened before any request to Grafana, so that no token is created that could not be stored.
    """
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp's mode is 0600
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}; create the folder, or pass another --token-file"
        raise click.ClickException(msg) from error

    def write(secret: str) -> None:
        os.write(handle, f"{secret}\n".encode())
        os.fsync(handle)
        Path(beside).replace(path)

    try:
        yield write
    finally:
        os.close(handle)
        Path(beside).unlink(missing_ok=True)


def password_from(path: Path | None, user: str) -> str:
    """Return the administrator's password, from the file or from a prompt."""
    if path is None:
        return str(click.prompt(f"Grafana's password of {user}", hide_input=True, err=True))
    try:
        password = read_text(path).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read the password: {error}") from error
    if not password:
        raise click.ClickException(f"{path} is empty; it should hold the password of Grafana's user {user!r}")
    return password
