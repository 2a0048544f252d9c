"""Folders and dashboards as Grafana keeps them (its source: pkg/api/folder.go, pkg/api/dashboard.go)."""

from tests.grafana.annotations import Refused

NEVER = "2026-03-02T09:00:00Z"
_CHANGED = "The dashboard has been changed by someone else"


class Library:
    """`folders` maps uids to titles; `private` are the folders that only administrators see."""

    def __init__(self):
        self.folders = {}
        self.private = set()
        self.dashboards = {}

    def add_folder(self, uid, title):
        if uid in self.folders:
            raise Refused(409, "a folder/dashboard with the same uid already exists")
        if title in self.folders.values():
            raise Refused(409, "a folder or dashboard in the general folder with the same name already exists")
        self.folders[uid] = title

    def granted(self):
        """Return what Editors and Viewers are given: folders, and dashboards outside of folders."""
        loose = [uid for uid, dashboard_ in self.dashboards.items() if not dashboard_["meta"]["folderUid"]]
        return [uid for uid in self.folders if uid not in self.private], loose

    def save(self, body, by):
        """Save over the API, and return the version; refused where it is not the version that was read."""
        model, uid, folder = body["dashboard"], body["dashboard"]["uid"], body["folderUid"]
        if folder and folder not in self.folders:
            raise Refused(400, "folder not found")
        dashboard_ = self.dashboards.get(uid)
        if dashboard_ and dashboard_["meta"].get("provisioned"):
            raise Refused(400, "Cannot save provisioned dashboard")
        if dashboard_ and model.get("id") is None and not body["overwrite"]:
            raise Refused(412, _CHANGED)
        if dashboard_ and model.get("version") != len(dashboard_["versions"]) and not body["overwrite"]:
            raise Refused(412, _CHANGED)
        self.keep(model, folder, body["message"], by)
        return len(self.dashboards[uid]["versions"])

    def keep(self, model, folder_uid, message, by="admin", at=NEVER, **meta):
        made = {"versions": [], "meta": {"folderUid": folder_uid} | meta, "id": len(self.dashboards) + 1}
        dashboard_ = self.dashboards.setdefault(model["uid"], made)
        dashboard_["meta"] |= {"updatedBy": by, "updated": at}
        number = len(dashboard_["versions"]) + 1
        data = {**model, "id": dashboard_["id"], "version": number}
        dashboard_["versions"].append(
            {"version": number, "message": message, "data": data, "createdBy": by, "created": at}
        )

    def dashboard(self, uid):
        if uid not in self.dashboards:
            raise Refused(404, "Dashboard not found")
        return self.dashboards[uid]

    def listed(self, uid):
        """Return the versions as the list has them: it calls the first one so, whatever it was saved with."""
        hidden = {1: {"message": "Initial save"}}
        saved = self.dashboard(uid)["versions"][::-1]
        return [version | hidden.get(version["version"], {}) for version in ({**v, "data": None} for v in saved)]

    def version(self, uid, number):
        """Return one version as it was saved."""
        saved = self.dashboard(uid)["versions"]
        if not 0 < number <= len(saved):
            raise Refused(500, f"Dashboard version {number} not found for dashboardId {self.dashboards[uid]['id']}")
        return saved[number - 1]
