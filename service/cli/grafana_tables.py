"""Terminal output of `mttx grafana`."""

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from service.cli.output import print_check, print_line
from service.provisioning.checks import AccessCheck
from service.provisioning.dashboards import DashboardAction, PlannedDashboard

_RESULTS = {
    DashboardAction.CREATE: ("created", "would be created"),
    DashboardAction.UPDATE: ("updated", "would be updated"),
    DashboardAction.OVERWRITE: ("overwritten", "would be overwritten"),
    DashboardAction.NOTHING: ("up to date", "up to date"),
    DashboardAction.REFUSE: ("left as it is", "would be left as it is"),
}


def print_checks(url: str, results: Iterable[AccessCheck]) -> None:
    """Print one line for each check."""
    print_line(f"Grafana at {url}")
    for result in results:
        print_check(result.name, result.detail, ok=result.ok)


def print_steps(
    steps: Iterable[PlannedDashboard],
    folder: Mapping[str, str],
    refused: Mapping[str, str],
    zone: ZoneInfo,
    *,
    dry_run: bool,
) -> None:
    """Print one line for the folder and one for each dashboard, with times in `zone`."""
    folder_state = _RESULTS[DashboardAction.CREATE][dry_run] if folder["action"] == "create" else "exists"
    print_line(f"folder     {folder['uid']:<18} {folder_state:<24} {folder['title']}")
    for step in steps:
        reason = refused.get(step.uid) or (_reason(step, zone) if step.action is DashboardAction.REFUSE else "")
        state = "not saved" if step.uid in refused else _RESULTS[step.action][dry_run]
        print_line(f"dashboard  {step.uid:<18} {state:<24} {step.title}{f' ({reason})' if reason else ''}")


def step_json(step: PlannedDashboard, refused: Mapping[str, str]) -> dict[str, Any]:
    """Return a dashboard as JSON."""
    fields: dict[str, Any] = {"uid": step.uid, "title": step.title, "state": step.state, "action": step.action}
    if step.edited is not None:
        fields["edited"] = {"by": step.edited.by, "at": step.edited.at.isoformat() if step.edited.at else None}
    if step.uid in refused:
        fields["refused"] = refused[step.uid]
    return fields


def _reason(step: PlannedDashboard, zone: ZoneInfo) -> str:
    if step.edited is None:
        return "comes from Grafana's file provisioning"
    at = f" at {step.edited.at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}" if step.edited.at else ""
    return f"edited in Grafana by {step.edited.by}{at}; --force overwrites it"


def print_bootstrap(result: Mapping[str, Any]) -> None:
    """Print one line for the account and one for the token, never the token itself."""
    account, token = result["service_account"], result["token"]
    if token["action"] == "nothing":
        print_line(f"the token in {token['file']} works; nothing to do")
        return
    state = {"create": "created", "update": "now has the role Editor", "nothing": "exists"}[account["action"]]
    print_line(f"service account  {account['name']:<18} {state}")
    print_line(f"token            {token['file']:<18} written, readable by its owner only")


def print_resync(result: Mapping[str, Any]) -> None:
    """Print the result of the annotations."""
    print_line(f"{result['incidents']} incidents, {result['delivered']} annotations written or verified")
    if result["stopped"]:
        print_line(f"{result['stopped']} annotations were refused by Grafana; see the log")
    if result["pending"]:
        print_line(
            f"{result['pending']} are still in the outbox: {result['trouble']}; `mttx serve` continues with them"
        )
