"""The `mttx` command. Subcommands are imported lazily, so that `mttx --help` stays fast."""

import io
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from service import __version__, companions
from service.printable import printable
from service.settings.errors import SettingsError

_COMMANDS = {
    "config": "service.cli.config:config",
    "demo": "service.history.commands.demo:demo",
    "evidence": "service.evidence.commands.evidence:evidence",
    "dashboards": "service.cli.export:dashboards",
    "db": "service.cli.db:db",
    "grafana": "service.cli.grafana:grafana",
    "history": "service.history.commands.history:history",
    "incident": "service.cli.incident:incident",
    "messages": "service.cli.messages:messages",
    "postmortem": "service.postmortems.commands.postmortem:postmortem",
    "report": "service.cli.report:report",
    "rules": "service.cli.export:rules",
    "serve": "service.cli.serve:serve",
    "sources": "service.cli.sources:sources",
}
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _LazyGroup(click.Group):
    """A group whose commands are imported by name, and whose errors are printed in one line without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the help."""
        return [name for name in _COMMANDS if _is_there(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in _COMMANDS or not _is_there(cmd_name):
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - as listed in the table
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the requested command."""
        _write_any_character()
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(f"the configuration cannot be used\n{_indented(error)}") from error
        except click.ClickException as error:
            # It may quote a response, a file or a document.
            error.message = printable(error.message, lines=True)  # type: ignore[misc]
            raise


def _is_there(command: str) -> bool:
    """Return whether the package of a command is installed; those of companions are optional."""
    room = _COMMANDS[command].split(".")[1]
    return room not in companions.COMPANIONS or companions.is_installed(room)


def _indented(error: SettingsError) -> str:
    return "\n".join(f"  {printable(str(problem))}" for problem in error.problems)


def _write_any_character() -> None:
    """Escape characters missing from the output's encoding, instead of failing with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mttx", message="%(prog)s %(version)s")
@click.option(
    "--ca",
    type=_EXISTING_FILE,
    envvar="MTTX_CA_FILE",
    show_envvar=True,
    help="Certificates to verify the service at MTTX_URL with; default: the well-known ones.",
)
@click.option(
    "--cert",
    type=_EXISTING_FILE,
    envvar="MTTX_CERT_FILE",
    show_envvar=True,
    help="Certificate and key, in one file, if the service asks for one.",
)
def main(**_: Any) -> None:
    """Measure how well incidents are handled, from the alerts you already have."""
