"""What `mttx grafana` shows people at a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from service.cli.output import print_line
from service.printable import printable
from service.provisioning.checks import Check
from service.provisioning.dashboards import Action, Step

_SIGNS = {True: ("ok", "green"), False: ("no", "red"), None: ("--", "yellow")}
_DONE = {
    Action.CREATE: ("created", "would be created"),
    Action.UPDATE: ("updated", "would be updated"),
    Action.OVERWRITE: ("overwritten", "would be overwritten"),
    Action.NOTHING: ("up to date", "up to date"),
    Action.REFUSE: ("left as it is", "would be left as it is"),
}


def print_checks(url: str, found: Iterable[Check]) -> None:
    """Print one line for each check."""
    print_line(f"Grafana at {url}")
    for one in found:
        sign, colour = _SIGNS[one.ok]
        click.echo(f"  {click.style(sign, fg=colour)}  {one.name:<13} {printable(one.detail)}")


def print_steps(steps: Iterable[Step], folder: Mapping[str, str], refused: Mapping[str, str], *, dry_run: bool) -> None:
    """Print one line for the folder and one for each dashboard."""
    made = _DONE[Action.CREATE][dry_run] if folder["action"] == "create" else "is there"
    print_line(f"folder     {folder['uid']:<18} {made:<24} {folder['title']}")
    for step in steps:
        why = refused.get(step.uid) or (_why_refused(step) if step.action is Action.REFUSE else "")
        done = "not saved" if step.uid in refused else _DONE[step.action][dry_run]
        print_line(f"dashboard  {step.uid:<18} {done:<24} {step.title}{f' ({why})' if why else ''}")


def _why_refused(step: Step) -> str:
    if step.edited is None:
        return "comes from Grafana's file provisioning"
    at = f" at {step.edited.at:%Y-%m-%d %H:%M} UTC" if step.edited.at else ""
    return f"edited in Grafana by {step.edited.by}{at}; --force overwrites it"


def print_bootstrap(done: Mapping[str, Any]) -> None:
    """Print one line for the account and one for the token, never the token itself."""
    account, token = done["service_account"], done["token"]
    if token["action"] == "nothing":
        print_line(f"the token in {token['file']} works; nothing to do")
        return
    said = {"create": "created", "update": "has the role Editor now", "nothing": "is there"}[account["action"]]
    print_line(f"service account  {account['name']:<18} {said}")
    print_line(f"token            {token['file']:<18} written, readable by its owner only")


def print_resync(outcome: Mapping[str, Any]) -> None:
    """Print what came of it."""
    print_line(f"{outcome['incidents']} incidents, {outcome['delivered']} annotations made or checked here")
    if outcome["stopped"]:
        print_line(f"{outcome['stopped']} annotations were refused by Grafana; the log says why")
    if outcome["pending"]:
        click.echo(
            f"{outcome['pending']} are still in the outbox: {outcome['trouble']}; `mttx serve` goes on with them"
        )
