"""One run of `mttx grafana provision`: the plan, the result, and its JSON."""

import time
from typing import Any

import click

from service.clients.grafana.access import Rights
from service.clients.grafana.connection import Connection
from service.clients.grafana.dashboards import AlreadyExists, Dashboards
from service.provisioning.bundled import bundled
from service.provisioning.dashboards import DashboardAction, PlannedDashboard, models, plan
from service.provisioning.provisioner import Provisioner
from service.settings.grafana import GrafanaSettings

_HIDDEN = "is there already, and the token may not see it: give the service account rights to it, or delete it"
_MEANWHILE = "was saved by somebody else meanwhile; run it again"


class Run:
    """Compares the bundled dashboards with Grafana when created. Every method raises RequestFailed."""

    def __init__(self, grafana: GrafanaSettings, connection: Connection, *, force: bool) -> None:
        self._grafana = grafana
        self._dashboards = Dashboards(connection)
        self._rights = Rights(connection)
        self.steps = list(plan(models(bundled("dashboards")), self._dashboards, force=force))
        has_folder = self._dashboards.folder(grafana.folder_uid) is not None
        self._makes_folder = not has_folder and any(step.action is DashboardAction.CREATE for step in self.steps)
        self.refused: dict[str, str] = {}

    def carry_out(self) -> None:
        """Create the folder and save the dashboards; `refused` has those that could not be saved, and why."""
        run = Provisioner(self._dashboards, self._rights, self._grafana.folder_uid, _say, time.sleep)
        if self._makes_folder:
            self._make_folder(run)
        run.apply(self.steps)
        why = {step.uid: _HIDDEN if step.action is DashboardAction.CREATE else _MEANWHILE for step in self.steps}
        self.refused = {uid: f"{why[uid]}; {reason}" for uid, reason in run.refused.items()}

    @property
    def is_complete(self) -> bool:
        """Return whether every dashboard matches, or would match, the bundled one."""
        return not self.refused and all(step.action is not DashboardAction.REFUSE for step in self.steps)

    @property
    def folder(self) -> dict[str, str]:
        """The folder, and what to do about it."""
        action = "create" if self._makes_folder else "nothing"
        return {"title": self._grafana.folder, "uid": self._grafana.folder_uid, "action": action}

    def as_json(self) -> dict[str, Any]:
        """Return the JSON output for scripts."""
        return {"folder": self.folder, "dashboards": [self._described(step) for step in self.steps]}

    def _described(self, step: PlannedDashboard) -> dict[str, Any]:
        described: dict[str, Any] = {"uid": step.uid, "title": step.title, "state": step.state, "action": step.action}
        if step.edited is not None:
            described["edited"] = {
                "by": step.edited.by,
                "at": step.edited.at.isoformat() if step.edited.at else None,
            }
        if step.uid in self.refused:
            described["refused"] = self.refused[step.uid]
        return described

    def _make_folder(self, run: Provisioner) -> None:
        where = self._grafana
        try:
            run.make_folder(where.folder)
        except AlreadyExists as error:
            msg = f"a folder with the uid {where.folder_uid!r} or the title {where.folder!r} {_HIDDEN}"
            msg += f", or set grafana.folder_uid to that folder's ({error})"
            raise click.ClickException(msg) from error


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)
