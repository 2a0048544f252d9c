"""Checks of the token's permissions in Grafana, and what to change for missing ones."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.clients.errors import RequestFailed
from service.clients.grafana.access import Rights
from service.clients.grafana.connection import EDITOR
from service.provisioning.permissions import (
    MAKE_FOLDER,
    ORGANISATION,
    Permissions,
    missing_for_annotations,
    missing_for_dashboards,
)


@dataclass(frozen=True, slots=True)
class AccessCheck:
    """The result of one check; `ok` None: Grafana does not report it, or it is not needed."""

    name: str
    ok: bool | None
    detail: str


def checks(rights: Rights, folder_uid: str) -> Iterator[AccessCheck]:
    """Run the checks in order, up to the first whose failure makes the others pointless."""
    try:
        version = rights.version()
        yield AccessCheck("reachable", True, f"Grafana {version}" if version else "Grafana hides its version")
        organisation = rights.organisation()
        yield AccessCheck("token", True, f"organisation {organisation.name!r} ({organisation.id})")
        permissions = rights.permissions()
        yield _annotations(rights, permissions)
        yield from _dashboards(rights, permissions, folder_uid)
        yield _datasource(rights)
    except RequestFailed as error:
        yield AccessCheck(error.reason.value, False, str(error))


def _annotations(rights: Rights, permissions: Permissions | None) -> AccessCheck:
    if permissions is None:
        allowed = rights.may_annotate()
        return AccessCheck("annotations", allowed, "may be created" if allowed else f"may not be created: {EDITOR}")
    missing = missing_for_annotations(permissions)
    if not missing:
        return AccessCheck("annotations", True, "may be found, created and changed")
    permissions_needed = ", ".join(f"{action} on {ORGANISATION}" for action in missing)
    return AccessCheck("annotations", False, f"missing: {permissions_needed}; {EDITOR}, or fixed:annotations:writer")


def _dashboards(rights: Rights, permissions: Permissions | None, folder_uid: str) -> Iterator[AccessCheck]:
    """Check the folder and what may be saved in it. Whoever creates a folder may save in it, and on an empty Grafana an
    Editor has no other permission to save anything.
    """
    if permissions is None:
        unknown = "this Grafana does not report whether the token may {}; `mttx grafana provision` shows it"
        yield AccessCheck("folders", None, unknown.format("create the folder"))
        yield AccessCheck("dashboards", None, unknown.format("save dashboards"))
        return
    if rights.has_folder(folder_uid):
        missing = missing_for_dashboards(permissions, folder_uid)
        detail = f"may be saved in the folder {folder_uid!r}"
        if missing:
            detail = f"may not be saved in the folder {folder_uid!r}, missing there: {', '.join(missing)}; {EDITOR}"
        yield AccessCheck("folders", True, f"{folder_uid!r} exists")
        yield AccessCheck("dashboards", not missing, detail)
    elif MAKE_FOLDER in permissions:
        yield AccessCheck("folders", True, f"{folder_uid!r} does not exist yet; `mttx grafana provision` may create it")
        yield AccessCheck("dashboards", True, "may be saved in the folder once it exists")
    else:
        yield AccessCheck("folders", False, f"{folder_uid!r} may not be created, missing: {MAKE_FOLDER}; {EDITOR}")
        yield AccessCheck("dashboards", False, "may not be saved without the folder")


def _datasource(rights: Rights) -> AccessCheck:
    """Look for a Prometheus; without one the dashboards are empty, whatever the token's permissions."""
    sources = rights.datasources()
    if sources is None:
        return AccessCheck("data source", None, "not permitted to list data sources (datasources:read); not needed")
    names = [str(source.get("name")) for source in sources if source.get("type") == "prometheus"]
    if not names:
        return AccessCheck("data source", None, "no Prometheus data source yet: the dashboards will be empty")
    return AccessCheck("data source", True, f"Prometheus: {', '.join(names)}")
