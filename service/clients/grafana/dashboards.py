"""Folders and dashboards over Grafana's HTTP API (9 to 13), in the classic JSON that all of them take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.clients.delivery import DeliveryError, Reason
from service.clients.grafana.connection import Connection


@dataclass(frozen=True, slots=True)
class Found:
    """A dashboard as Grafana has it. `message` is what its latest version was saved with, None where nobody may see
    the versions; `from_file`: it comes from file provisioning and cannot be saved over the API.
    """

    model: Mapping[str, Any]
    version: int
    folder_uid: str
    message: str | None
    from_file: bool


class Dashboards:
    """The dashboards of one organisation. Every method raises `DeliveryError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def folder(self, uid: str) -> str | None:
        """Return the title of a folder, None where there is none."""
        answer = self._connection.get(f"/folders/{quote(uid, safe='')}")
        return None if answer is None else str(answer.get("title", ""))

    def make_folder(self, uid: str, title: str) -> None:
        """Create a folder."""
        with self._connection.asking() as api:
            api.folder.create_folder(title, uid)

    def dashboard(self, uid: str) -> Found | None:
        """Return a dashboard and how it was saved last, None where there is none."""
        answer = self._connection.get(f"/dashboards/uid/{quote(uid, safe='')}")
        if answer is None:
            return None
        if not isinstance(answer, dict) or not isinstance(answer.get("dashboard"), dict):
            raise self._connection.unexpected(answer)
        model, meta = answer["dashboard"], answer.get("meta") or {}
        return Found(
            model=model,
            version=int(model.get("version") or meta.get("version") or 0),
            folder_uid=str(meta.get("folderUid") or ""),
            message=self._latest_message(uid),
            from_file=bool(meta.get("provisioned")),
        )

    def save(self, model: Mapping[str, Any], folder_uid: str, message: str, *, overwrite: bool) -> None:
        """Create or change a dashboard; without `overwrite` not what somebody else saved meanwhile (412)."""
        body = {"dashboard": dict(model), "folderUid": folder_uid, "message": message, "overwrite": overwrite}
        with self._connection.asking() as api:
            api.dashboard.update_dashboard(body)

    def _latest_message(self, uid: str) -> str | None:
        """Return what the latest version was saved with: a list up to Grafana 10, a page from 11 on."""
        try:
            answer = self._connection.get(f"/dashboards/uid/{quote(uid, safe='')}/versions?limit=1")
        except DeliveryError as error:
            if error.reason is Reason.FORBIDDEN:
                return None
            raise
        versions = answer.get("versions") if isinstance(answer, dict) else answer
        if not isinstance(versions, list) or not versions:
            return None
        latest = max(versions, key=lambda version: int(version.get("version", 0)))
        return str(latest.get("message") or "")
