"""A Grafana on a loopback port: its HTTP API as far as we use it, as Grafana 9 to 13 behave, and told to fail.

`faults` is asked before and after each request is worked on; what it returns happens: a status (int, or with headers),
"drop" (no answer, the connection is closed), or a number of seconds (float) to be slow by.
"""

import json
import re
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

from tests.grafana.annotations import AnnotationTable, Refused
from tests.grafana.http import Server
from tests.grafana.library import Library
from tests.grafana.rights import allows, permissions

TOKEN = "glsa_editor"
KINDS = {
    "9.4 on SQLite": {"version": "9.4.0", "database": "sqlite"},
    "10.1": {"version": "10.1.0", "database": "postgresql"},
}
"""The two servers that every test passes against: what was seen on a real 9.4, and what its successors mended."""


class Grafana:
    """Starts listening at once. `version` and `database` decide what differs between servers.

    `rights_cached`: how many requests after a folder was made are still answered by the rights from before.
    """

    def __init__(self, *, version="11.2.0", database="postgresql", prefix="", port=0, tokens=None):
        self.version = version
        self.prefix = prefix
        self.tokens = tokens or {TOKEN: "Editor"}
        self.deleted_tokens = set()
        self.organisations = {1: "Main Org."}
        locks = database == "sqlite" and self.release < (10, 1)
        self.annotations = AnnotationTable(database, update_makes_tags=not locks)
        self.library = Library()
        self.datasources = [{"name": "Prometheus", "type": "prometheus", "uid": "p"}]
        self.lists_permissions = True
        self.rights_cached = 0
        self._old_rights = []
        self.asked = []
        self.faults = lambda asked, when: None
        self._lock = threading.Lock()
        self._server = Server(port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def release(self):
        return tuple(int(part) for part in self.version.split(".")[:2])

    @property
    def folders(self):
        return self.library.folders

    @property
    def dashboards(self):
        return self.library.dashboards

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
        return [
            request
            for request in self.asked
            if method in (None, request.method) and request.path.startswith("/api" + path)
        ]

    def bodies(self, method):
        return [json.loads(request.body) for request in self.requests(method)]

    def regions(self):
        """Return what dashboards show: the regions and points with the tag `mttx`."""
        return self.annotations.seen_with("mttx")

    def created(self):
        """Return what was created but for the annotation that only holds tags."""
        return [body for body in self.bodies("POST") if not body.get("text", "").startswith("<b>Tags of")]

    def annotated(self):
        """Return every annotation, those taken off the dashboards too, but not the one that only holds tags."""
        return [row for row in list(self.annotations.rows.values()) if not row["text"].startswith("<b>Tags of")]

    def hidden(self):
        """Return what was taken off the dashboards."""
        return [row for row in self.annotated() if "mttx-retired" in row["tags"]]

    def delete_token(self, token):
        """Take a token away, as somebody does in the browser."""
        del self.tokens[token]
        self.deleted_tokens.add(token)

    def save_dashboard(self, model, folder_uid, message, **meta):
        """Save a version, as a person in the browser does or over the API."""
        self.library.keep(model, folder_uid, message, **meta)

    # -- the API -----------------------------------------------------------------------------------------------------

    def answer(self, asked):
        url = urlsplit(asked.path)
        path, query = url.path.removeprefix(self.prefix), parse_qs(url.query)
        asked.path = asked.path.removeprefix(self.prefix)
        if path == "/api/health":
            return 200, {"commit": "0", "database": "ok", "version": self.version}
        role = self._role(asked)
        with self._lock:
            held = self._rights(role)
            for method, pattern, handle, action, *scope in _ROUTES:
                match = re.fullmatch(pattern, path)
                if match and method == asked.method:
                    groups = [unquote(group) for group in match.groups()]
                    if action and not allows(held, action, *(permission.format(*groups) for permission in scope)):
                        return _denied(action)
                    body = json.loads(asked.body) if asked.body else {}
                    return handle(self, Caller(role, held), query, body, *groups)
        return 404, {"message": "Not found"}

    def _role(self, asked):
        """Return the role of the token; Grafana 9 looks a deleted one up in vain and calls that its own failure."""
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        old = self.release < (10, 0)
        if token not in self.tokens:
            status = 500 if old and token in self.deleted_tokens else 401
            raise Refused(status, "invalid API key" if old else "Invalid API key")
        if not old and asked.headers.get("x-grafana-org-id", "1") != "1":
            raise Refused(401, "API key does not belong to the requested organization")
        return self.tokens[token]

    def _rights(self, role):
        if self._old_rights:
            return self._old_rights.pop()
        return permissions(role, *self.library.granted())

    def _org(self, caller, query, body):
        return 200, {"id": 1, "name": self.organisations[1]}

    def _permissions(self, caller, query, body):
        return (200, caller.held) if self.lists_permissions else (404, {"message": "Not found"})

    def _post(self, caller, query, body):
        uid = body.get("dashboardUID")
        if uid and uid not in self.dashboards:
            if self.release >= (10, 0):
                return 400, {"message": "Invalid dashboard UID in annotation request"}
            uid = None  # Grafana 9 makes it one of the whole organisation
        if not uid and not allows(caller.held, "annotations:create", "annotations:type:organization"):
            return 403, {"message": "Access denied to this dashboard"}
        return 200, {"message": "Annotation added", "id": self.annotations.add(body, int(time.time() * 1000), uid)}

    def _find(self, caller, query, body):
        limit, begin, end = (int(query.get(name, [default])[0]) for name, default in _FIND)
        rows = [_shown(row) for row in self.annotations.find(query.get("tags", ()), limit, begin, end)]
        return 200, rows or None

    def _get(self, caller, query, body, annotation_id):
        return 200, _shown(self.annotations.get(int(annotation_id)))

    def _patch(self, caller, query, body, annotation_id):
        self.annotations.patch(int(annotation_id), body)
        return 200, {"message": "Annotation patched"}

    def _put(self, caller, query, body, annotation_id):
        self.annotations.put(int(annotation_id), body)
        return 200, {"message": "Annotation updated"}

    def _delete(self, caller, query, body, annotation_id):
        self.annotations.delete(int(annotation_id))
        return 200, {"message": "Annotation deleted"}

    def _folder(self, caller, query, body, uid):
        if uid not in self.folders:
            return 404, {"message": "folder not found", "status": "not-found"}
        return 200, {"uid": uid, "title": self.folders[uid]}

    def _make_folder(self, caller, query, body):
        self.library.add_folder(body["uid"], body["title"])
        self._old_rights = [caller.held] * self.rights_cached
        return 200, {"uid": body["uid"], "title": body["title"]}

    def _dashboard(self, caller, query, body, uid):
        dashboard_ = self.library.dashboard(uid)
        if not self._covers(caller, "dashboards:read", uid, dashboard_["meta"]["folderUid"]):
            return 403, {"message": "Access denied to this dashboard"}
        return 200, {"dashboard": dashboard_["versions"][-1]["data"], "meta": dashboard_["meta"]}

    def _versions(self, caller, query, body, uid):
        listed = self.library.listed(uid)
        return 200, listed if self.release < (11, 0) else {"continueToken": "", "versions": listed}

    def _version(self, caller, query, body, uid, number):
        return 200, self.library.version(uid, int(number))

    def _save(self, caller, query, body):
        uid, folder = body["dashboard"]["uid"], body["folderUid"]
        action = "dashboards:write" if uid in self.dashboards else "dashboards:create"
        if not self._covers(caller, action, uid, folder):
            return 403, {"message": "Access denied to save dashboard"}
        return 200, {"status": "success", "uid": uid, "version": self.library.save(body, "sa-mttx-exporter")}

    def _covers(self, caller, action, uid, folder):
        scopes = (f"dashboards:uid:{uid}", f"folders:uid:{folder or 'general'}")
        return any(allows(caller.held, action, scope) for scope in scopes)

    def _datasources(self, caller, query, body):
        return 200, self.datasources


class Caller:
    """Who asks: a role, and the rights that it is taken to have."""

    def __init__(self, role, held):
        self.role = role
        self.held = held


def _denied(action):
    needed = f"You'll need additional permissions to perform this action. Permissions needed: {action}"
    return 403, {"accessErrorId": "ACE1", "message": needed, "title": "Access denied"}


def _shown(row):
    """Grafana tells more, and null for a dashboard that is none."""
    return {"alertId": 0, "dashboardId": 0, "panelId": 0, "userId": 1, "newState": "", "data": {}} | row


_FIND = (("limit", 100), ("from", 0), ("to", 0))
_ID = "annotations:id:{}"
_ROUTES = [
    ("GET", "/api/org", Grafana._org, None),
    ("GET", "/api/access-control/user/permissions", Grafana._permissions, None),
    ("GET", "/api/annotations", Grafana._find, "annotations:read"),
    ("POST", "/api/annotations", Grafana._post, "annotations:create"),
    ("GET", "/api/annotations/([0-9]+)", Grafana._get, "annotations:read", _ID),
    ("PATCH", "/api/annotations/([0-9]+)", Grafana._patch, "annotations:write", _ID),
    ("PUT", "/api/annotations/([0-9]+)", Grafana._put, "annotations:write", _ID),
    ("DELETE", "/api/annotations/([0-9]+)", Grafana._delete, "annotations:delete", _ID),
    ("GET", "/api/folders/([^/]+)", Grafana._folder, "folders:read", "folders:uid:{}"),
    ("POST", "/api/folders", Grafana._make_folder, "folders:create"),
    ("GET", "/api/dashboards/uid/([^/]+)", Grafana._dashboard, "dashboards:read"),
    ("GET", "/api/dashboards/uid/([^/]+)/versions", Grafana._versions, "dashboards:write"),
    ("GET", "/api/dashboards/uid/([^/]+)/versions/([0-9]+)", Grafana._version, "dashboards:write"),
    ("POST", "/api/dashboards/db", Grafana._save, "dashboards:create"),
    ("GET", "/api/datasources", Grafana._datasources, "datasources:read"),
]
