"""Folders and dashboards over Grafana's HTTP API (9 to 13), in the classic JSON that all of them accept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.clients.errors import RequestFailed
from service.clients.grafana.connection import Connection

_CONFLICTS = (409, 412)
"""Grafana's status if a folder or dashboard with that title or uid already exists."""


@dataclass(frozen=True, slots=True)
class StoredDashboard:
    """A dashboard in Grafana. `message` is that of its latest version, None if the versions are not visible;
    `from_file`: it comes from file provisioning and cannot be saved over the API; `updated_by` and `updated_at` are the
    login and RFC 3339 time of the last save.
    """

    model: Mapping[str, Any]
    version: int
    folder_uid: str
    message: str | None
    from_file: bool
    updated_by: str = ""
    updated_at: str = ""


class AlreadyExists(Exception):
    """The folder or dashboard already exists, invisible to the token."""


class Dashboards:
    """The dashboards of one organisation. Every method raises RequestFailed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def folder(self, uid: str) -> str | None:
        """Return the title of a folder, None if none is visible."""
        response = self._connection.get_visible(f"/folders/{quote(uid, safe='')}")
        return None if response is None else str(response.get("title", ""))

    def make_folder(self, uid: str, title: str) -> None:
        """Create a folder. Raises `AlreadyExists`."""
        try:
            with self._connection.client() as api:
                api.folder.create_folder(title, uid)
        except RequestFailed as error:
            if error.status in _CONFLICTS:
                raise AlreadyExists(str(error)) from error
            raise

    def dashboard(self, uid: str) -> StoredDashboard | None:
        """Return a dashboard and its last save, None if none is visible."""
        response = self._connection.get_visible(f"/dashboards/uid/{quote(uid, safe='')}")
        if response is None:
            return None
        if not isinstance(response, dict) or not isinstance(response.get("dashboard"), dict):
            raise self._connection.unexpected(response)
        model, meta = response["dashboard"], response.get("meta") or {}
        version = int(model.get("version") or meta.get("version") or 0)
        return StoredDashboard(
            model=model,
            version=version,
            folder_uid=str(meta.get("folderUid") or ""),
            message=self._message(uid, version),
            from_file=bool(meta.get("provisioned")),
            updated_by=str(meta.get("updatedBy") or ""),
            updated_at=str(meta.get("updated") or ""),
        )

    def save(self, model: Mapping[str, Any], folder_uid: str, message: str, *, overwrite: bool) -> None:
        """Create or change a dashboard. Without `overwrite`, raises `AlreadyExists` for one that was saved meanwhile,
        or exists unseen.
        """
        body = {"dashboard": dict(model), "folderUid": folder_uid, "message": message, "overwrite": overwrite}
        try:
            with self._connection.client() as api:
                api.dashboard.update_dashboard(body)
        except RequestFailed as error:
            if error.status in _CONFLICTS:
                raise AlreadyExists(str(error)) from error
            raise

    def _message(self, uid: str, version: int) -> str | None:
        """Return the message of a version; the list of versions would say "Initial save" for the first."""
        response = self._connection.get_visible(f"/dashboards/uid/{quote(uid, safe='')}/versions/{version}")
        return str(response.get("message") or "") if isinstance(response, dict) else None
