"""Which of Grafana's permissions are needed, and the scopes that suffice."""

from collections.abc import Collection, Mapping, Sequence

Permissions = Mapping[str, Sequence[str]]
"""Permitted actions, each with its scopes."""
MAKE_FOLDER = "folders:create"
SAVE_DASHBOARDS = ("dashboards:create", "dashboards:write")
ANNOTATE = ("annotations:read", "annotations:create", "annotations:write")
ORGANISATION = "annotations:type:organization"
_ANNOTATIONS = ("*", "annotations:*", "annotations:type:*", ORGANISATION)


def missing_for_annotations(permissions: Permissions) -> list[str]:
    """Return what is missing to find, create and change annotations of the organisation."""
    return [action for action in ANNOTATE if not _holds(permissions, action, _ANNOTATIONS)]


def missing_for_dashboards(permissions: Permissions, folder_uid: str) -> list[str]:
    """Return what is missing to save dashboards in an existing folder."""
    scopes = ("*", "folders:*", "folders:uid:*", f"folders:uid:{folder_uid}", "dashboards:*", "dashboards:uid:*")
    return [action for action in SAVE_DASHBOARDS if not _holds(permissions, action, scopes)]


def _holds(permissions: Permissions, action: str, scopes: Collection[str]) -> bool:
    return not set(scopes).isdisjoint(permissions.get(action, ()))
