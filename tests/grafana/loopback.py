"""A Grafana on a loopback port: its HTTP API as far as we use it, as Grafana 9 to 13 behave, and told to fail.

`faults` is asked before and after each request is worked on; what it returns happens: a status (int, or with headers),
"drop" (no answer, the connection is closed), or a number of seconds (float) to be slow by.
"""

import json
import re
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

from tests.grafana.annotations import AnnotationTable
from tests.grafana.http import Server

TOKEN = "glsa_editor"
_ORGANISATION = ["annotations:type:organization"]
_READ = {"annotations:read": ["annotations:*"], "dashboards:read": ["dashboards:*"], "folders:read": ["folders:*"]}
ROLES = {
    "Viewer": _READ,
    "Editor": _READ
    | {"annotations:create": ["annotations:*"], "annotations:write": _ORGANISATION}
    | {"folders:create": [], "dashboards:create": ["folders:uid:general"], "dashboards:write": ["dashboards:*"]},
}
ROLES["Admin"] = ROLES["Editor"] | {"datasources:read": ["datasources:*"]}


class Grafana:
    """Starts listening at once. `version` decides what differs between versions."""

    def __init__(self, *, version="11.2.0", prefix="", port=0, tokens=None):
        self.version = version
        self.prefix = prefix
        self.tokens = tokens or {TOKEN: "Editor"}
        self.annotations = AnnotationTable()
        self.folders = {}
        self.dashboards = {}
        self.datasources = [{"name": "Prometheus", "type": "prometheus", "uid": "p"}]
        self.lists_permissions = True
        self.asked = []
        self.faults = lambda asked, when: None
        self._lock = threading.Lock()
        self._server = Server(port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def major(self):
        return int(self.version.split(".")[0])

    @property
    def port(self):
        return self._server.server_port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.drop_all()
        self._server.server_close()

    def fail_while(self, outcome, when="before", method=None):
        """Have every request (of a method) end in `outcome` until `work_again`."""
        self.faults = lambda asked, now: outcome if now == when and method in (None, asked.method) else None

    def fail_once(self, outcome, when="before", method="POST"):
        """Have the next request of a method end in `outcome`."""
        left = [outcome]

        def faults(asked, now):
            return left.pop() if left and now == when and asked.method == method else None

        self.faults = faults

    def work_again(self):
        self.faults = lambda asked, when: None

    def requests(self, method=None, path=""):
        return [one for one in self.asked if method in (None, one.method) and one.path.startswith("/api" + path)]

    def bodies(self, method):
        return [json.loads(one.body) for one in self.requests(method)]

    def regions(self):
        """Return what dashboards show: the regions and points with the tag `mttx`."""
        return self.annotations.seen_with("mttx")

    # -- the API -----------------------------------------------------------------------------------------------------

    def answer(self, asked):
        url = urlsplit(asked.path)
        path, query = url.path.removeprefix(self.prefix), parse_qs(url.query)
        asked.path = asked.path.removeprefix(self.prefix)
        if path == "/api/health":
            return 200, {"commit": "0", "database": "ok", "version": self.version}
        role = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if role is None:
            return 401, {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401}
        with self._lock:
            for method, pattern, handle, action in _ROUTES:
                match = re.fullmatch(pattern, path)
                if match and method == asked.method:
                    if action and action not in ROLES[role]:
                        said = (
                            f"You'll need additional permissions to perform this action. Permissions needed: {action}"
                        )
                        return 403, {"accessErrorId": "ACE1", "message": said, "title": "Access denied"}
                    body = json.loads(asked.body) if asked.body else {}
                    groups = [unquote(group) for group in match.groups()]
                    return handle(self, role, query, body, *groups)
        return 404, {"message": "Not found"}

    def _org(self, role, query, body):
        return 200, {"id": 1, "name": "Main Org."}

    def _permissions(self, role, query, body):
        return (200, ROLES[role]) if self.lists_permissions else (404, {"message": "Not found"})

    def _post(self, role, query, body):
        uid = body.get("dashboardUID")
        if uid and uid not in self.dashboards:
            if self.major > 9:
                return 400, {"message": "Invalid dashboard UID in annotation request"}
            uid = None  # Grafana 9 makes it one of the whole organisation
        return 200, {"message": "Annotation added", "id": self.annotations.add(body, int(time.time() * 1000), uid)}

    def _find(self, role, query, body):
        limit, begin, end = (int(query.get(name, [default])[0]) for name, default in _FIND)
        found = self.annotations.find(query.get("tags", ()), limit, begin, end)
        return 200, [_shown(row) for row in found]

    def _get(self, role, query, body, annotation_id):
        return 200, _shown(self.annotations.get(int(annotation_id)))

    def _patch(self, role, query, body, annotation_id):
        self.annotations.patch(int(annotation_id), body)
        return 200, {"message": "Annotation patched"}

    def _put(self, role, query, body, annotation_id):
        self.annotations.put(int(annotation_id), body)
        return 200, {"message": "Annotation updated"}

    def _delete(self, role, query, body, annotation_id):
        self.annotations.delete(int(annotation_id))
        return 200, {"message": "Annotation deleted"}

    def _folder(self, role, query, body, uid):
        if uid not in self.folders:
            return 404, {"message": "folder not found"}
        return 200, {"uid": uid, "title": self.folders[uid]}

    def _make_folder(self, role, query, body):
        self.folders[body["uid"]] = body["title"]
        return 200, {"uid": body["uid"], "title": body["title"]}

    def _dashboard(self, role, query, body, uid):
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        versions, meta = self.dashboards[uid]["versions"], self.dashboards[uid]["meta"]
        return 200, {"dashboard": versions[-1]["data"], "meta": meta}

    def _versions(self, role, query, body, uid):
        saved = self.dashboards[uid]["versions"][-1:]
        told = [{key: version[key] for key in ("version", "message")} for version in saved]
        return 200, told if self.major < 11 else {"continueToken": "", "versions": told}

    def _save(self, role, query, body):
        model, uid = body["dashboard"], body["dashboard"]["uid"]
        known = self.dashboards.get(uid)
        if known and known["meta"].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        version = len(known["versions"]) if known else 0
        if known and model.get("version") != version and not body["overwrite"]:
            said = "The dashboard has been changed by someone else"
            return 412, {"message": said, "status": "version-mismatch"}
        self.save_dashboard(model, body["folderUid"], body["message"])
        return 200, {"status": "success", "uid": uid, "version": version + 1}

    def save_dashboard(self, model, folder_uid, message, **meta):
        """Save a version, as a person in the browser does or over the API."""
        known = self.dashboards.setdefault(
            model["uid"], {"versions": [], "meta": {"folderUid": folder_uid} | meta, "id": len(self.dashboards) + 1}
        )
        number = len(known["versions"]) + 1
        data = {**model, "id": known["id"], "version": number}
        known["versions"].append({"version": number, "message": message, "data": data})

    def _datasources(self, role, query, body):
        return 200, self.datasources


def _shown(row):
    """Grafana tells more, and null for a dashboard that is none."""
    return {"alertId": 0, "dashboardId": 0, "panelId": 0, "userId": 1, "newState": "", "data": {}} | row


_FIND = (("limit", 100), ("from", 0), ("to", 0))
_ROUTES = [
    ("GET", "/api/org", Grafana._org, None),
    ("GET", "/api/access-control/user/permissions", Grafana._permissions, None),
    ("GET", "/api/annotations", Grafana._find, "annotations:read"),
    ("POST", "/api/annotations", Grafana._post, "annotations:create"),
    ("GET", "/api/annotations/([0-9]+)", Grafana._get, "annotations:read"),
    ("PATCH", "/api/annotations/([0-9]+)", Grafana._patch, "annotations:write"),
    ("PUT", "/api/annotations/([0-9]+)", Grafana._put, "annotations:write"),
    ("DELETE", "/api/annotations/([0-9]+)", Grafana._delete, "annotations:write"),
    ("GET", "/api/folders/([^/]+)", Grafana._folder, None),
    ("POST", "/api/folders", Grafana._make_folder, "folders:create"),
    ("GET", "/api/dashboards/uid/([^/]+)", Grafana._dashboard, "dashboards:read"),
    ("GET", "/api/dashboards/uid/([^/]+)/versions", Grafana._versions, "dashboards:write"),
    ("POST", "/api/dashboards/db", Grafana._save, "dashboards:create"),
    ("GET", "/api/datasources", Grafana._datasources, "datasources:read"),
]
