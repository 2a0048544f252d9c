"""What a token may do, as Grafana's access control decides it (its source: pkg/api/accesscontrol.go, OSS).

The fixed roles of an Editor name no existing folder or dashboard: reading and writing them is granted on each when it
is made, so that on an empty server an Editor holds no `dashboards:read` at all.
"""

_ALL = ("annotations:*",)
_ON_DASHBOARDS = ("annotations:type:dashboard",)
_ANNOTATING = ("annotations:create", "annotations:write", "annotations:delete")
_READING = ("folders:read", "dashboards:read")
_SAVING = ("folders:write", "dashboards:write", "dashboards:create", "dashboards:delete")
GENERAL = "folders:uid:general"


def permissions(role, folders, dashboards):
    """Return the actions of a role with their scopes; `folders` and `dashboards` (in General) are those it is given."""
    if role == "Admin":
        return {
            action: ["*"] for action in ("annotations:read", *_ANNOTATING, *_READING, *_SAVING, "datasources:read")
        } | {"folders:create": [""]}
    granted = {"annotations:read": {*_ALL}} | {action: {*_ON_DASHBOARDS} for action in _ANNOTATING}
    granted["datasources:read"] = {"datasources:uid:grafana"}
    actions = _READING
    if role == "Editor":
        granted |= {action: {*_ALL} for action in _ANNOTATING}
        granted |= {"folders:create": {""}, "dashboards:create": {GENERAL}, "folders:read": {GENERAL}}
        actions = _READING + _SAVING
    for scope in [f"folders:uid:{uid}" for uid in folders] + [f"dashboards:uid:{uid}" for uid in dashboards]:
        for action in actions:
            granted.setdefault(action, set()).add(scope)
    return {action: sorted(scopes) for action, scopes in granted.items()}


def allows(held, action, scope=None):
    """Say whether an action is held, on `scope` where one is named: "*" at the end of a held scope stands for all."""
    scopes = held.get(action)
    if scopes is None or scope is None:
        return scopes is not None
    return any(
        permission in ("*", scope) or (permission.endswith("*") and scope.startswith(permission[:-1]))
        for permission in scopes
    )
