"""Which of Grafana's permissions are needed for what, and on what they may be held."""

from collections.abc import Collection, Mapping, Sequence

Permissions = Mapping[str, Sequence[str]]
"""Actions that are allowed, each with the scopes that it is allowed on."""
MAKE_FOLDER = "folders:create"
SAVE_DASHBOARDS = ("dashboards:create", "dashboards:write")
ANNOTATE = ("annotations:read", "annotations:create", "annotations:write")
ORGANISATION = "annotations:type:organization"
_ANNOTATIONS = ("*", "annotations:*", "annotations:type:*", ORGANISATION)


def missing_for_annotations(permissions: Permissions) -> list[str]:
    """Return what is missing to find, make and change annotations of the organisation."""
    return [action for action in ANNOTATE if not _holds(permissions, action, _ANNOTATIONS)]


def missing_for_dashboards(permissions: Permissions, folder_uid: str) -> list[str]:
    """Return what is missing to save dashboards in a folder that is there."""
    scopes = ("*", "folders:*", "folders:uid:*", f"folders:uid:{folder_uid}", "dashboards:*", "dashboards:uid:*")
    return [action for action in SAVE_DASHBOARDS if not _holds(permissions, action, scopes)]


def _holds(permissions: Permissions, action: str, scopes: Collection[str]) -> bool:
    return not set(scopes).isdisjoint(permissions.get(action, ()))
