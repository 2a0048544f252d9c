"""Folders and dashboards over Grafana's HTTP API (9 to 13), in the classic JSON that all of them take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.clients.grafana.connection import Connection
from service.clients.grafana.failures import Rejected

_TAKEN = (409, 412)
"""What Grafana answers where there is a folder or dashboard of that name or uid already."""


@dataclass(frozen=True, slots=True)
class Found:
    """A dashboard as Grafana has it. `message` is what its latest version was saved with, None where nobody may see
    the versions; `from_file`: it comes from file provisioning and cannot be saved over the API; `updated_by` and
    `updated_at` are Grafana's login and RFC 3339 time of the last save.
    """

    model: Mapping[str, Any]
    version: int
    folder_uid: str
    message: str | None
    from_file: bool
    updated_by: str = ""
    updated_at: str = ""


class Taken(Exception):
    """There is such a folder or dashboard, and the token does not see it."""


class Dashboards:
    """The dashboards of one organisation. Every method raises `DeliveryError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def folder(self, uid: str) -> str | None:
        """Return the title of a folder, None where there is none that we may see."""
        answer = self._connection.get_visible(f"/folders/{quote(uid, safe='')}")
        return None if answer is None else str(answer.get("title", ""))

    def make_folder(self, uid: str, title: str) -> None:
        """Create a folder. Raises `Taken`."""
        try:
            with self._connection.asking() as api:
                api.folder.create_folder(title, uid)
        except Rejected as error:
            if error.status in _TAKEN:
                raise Taken(str(error)) from error
            raise

    def dashboard(self, uid: str) -> Found | None:
        """Return a dashboard and how it was saved last, None where there is none that we may see."""
        answer = self._connection.get_visible(f"/dashboards/uid/{quote(uid, safe='')}")
        if answer is None:
            return None
        if not isinstance(answer, dict) or not isinstance(answer.get("dashboard"), dict):
            raise self._connection.unexpected(answer)
        model, meta = answer["dashboard"], answer.get("meta") or {}
        version = int(model.get("version") or meta.get("version") or 0)
        return Found(
            model=model,
            version=version,
            folder_uid=str(meta.get("folderUid") or ""),
            message=self._message(uid, version),
            from_file=bool(meta.get("provisioned")),
            updated_by=str(meta.get("updatedBy") or ""),
            updated_at=str(meta.get("updated") or ""),
        )

    def save(self, model: Mapping[str, Any], folder_uid: str, message: str, *, overwrite: bool) -> None:
        """Create or change a dashboard. Without `overwrite` it raises `Taken` for one that somebody saved meanwhile, or
        that was there unseen.
        """
        body = {"dashboard": dict(model), "folderUid": folder_uid, "message": message, "overwrite": overwrite}
        try:
            with self._connection.asking() as api:
                api.dashboard.update_dashboard(body)
        except Rejected as error:
            if error.status in _TAKEN:
                raise Taken(str(error)) from error
            raise

    def _message(self, uid: str, version: int) -> str | None:
        """Return what a version was saved with; the list of versions calls the first one "Initial save" instead."""
        answer = self._connection.get_visible(f"/dashboards/uid/{quote(uid, safe='')}/versions/{version}")
        return str(answer.get("message") or "") if isinstance(answer, dict) else None
