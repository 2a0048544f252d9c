"""What Grafana allows us to do, and what would have to change so that it allows the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from service.clients.delivery import DeliveryError
from service.clients.grafana.access import Organisation
from service.clients.grafana.failures import EDITOR
from service.provisioning.permissions import (
    MAKE_FOLDER,
    ORGANISATION,
    Permissions,
    missing_for_annotations,
    missing_for_dashboards,
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked; `ok` None: Grafana does not say, or it is not needed."""

    name: str
    ok: bool | None
    detail: str


class Rights(Protocol):
    """What there is and what we may; every method raises `DeliveryError`."""

    def version(self) -> str:
        """Return Grafana's version."""

    def organisation(self) -> Organisation:
        """Return the token's organisation."""

    def permissions(self) -> dict[str, Sequence[str]] | None:
        """Return the actions that are allowed, with their scopes."""

    def has_folder(self, uid: str) -> bool:
        """Say whether there is such a folder that we may see."""

    def may_annotate(self) -> bool:
        """Say whether annotations of the organisation may be made."""

    def datasources(self) -> list[dict[str, Any]] | None:
        """Return the data sources."""


def checks(rights: Rights, folder_uid: str) -> Iterator[Check]:
    """Ask one thing after the other; what cannot work without an earlier one is not asked any more."""
    try:
        version = rights.version()
        yield Check("reachable", True, f"Grafana {version}" if version else "Grafana does not tell its version")
        organisation = rights.organisation()
        yield Check("token", True, f"organisation {organisation.name!r} ({organisation.id})")
        permissions = rights.permissions()
        yield _annotations(rights, permissions)
        yield from _dashboards(rights, permissions, folder_uid)
        yield _datasource(rights)
    except DeliveryError as error:
        yield Check(error.reason.value, False, str(error))


def _annotations(rights: Rights, permissions: Permissions | None) -> Check:
    if permissions is None:
        allowed = rights.may_annotate()
        return Check("annotations", allowed, "may be made" if allowed else f"may not be made: {EDITOR}")
    missing = missing_for_annotations(permissions)
    if not missing:
        return Check("annotations", True, "may be found, made and changed")
    wanted = ", ".join(f"{action} on {ORGANISATION}" for action in missing)
    return Check("annotations", False, f"missing: {wanted}; {EDITOR}, or fixed:annotations:writer")


def _dashboards(rights: Rights, permissions: Permissions | None, folder_uid: str) -> Iterator[Check]:
    """Look at the folder and what may be saved in it. Whoever makes a folder may save in it, and on an empty Grafana an
    Editor holds no other right to save anything.
    """
    if permissions is None:
        unknown = "this Grafana does not say whether we may {}; `mttx grafana provision` shows it"
        yield Check("folders", None, unknown.format("make the folder"))
        yield Check("dashboards", None, unknown.format("save dashboards"))
        return
    if rights.has_folder(folder_uid):
        missing = missing_for_dashboards(permissions, folder_uid)
        may = f"may be saved in the folder {folder_uid!r}"
        lacks = f"may not be saved in the folder {folder_uid!r}, missing there: {', '.join(missing)}; {EDITOR}"
        yield Check("folders", True, f"{folder_uid!r} is there")
        yield Check("dashboards", not missing, lacks if missing else may)
    elif MAKE_FOLDER in permissions:
        yield Check("folders", True, f"{folder_uid!r} is not there yet; `mttx grafana provision` may make it")
        yield Check("dashboards", True, "may be saved in the folder once it is there")
    else:
        yield Check("folders", False, f"{folder_uid!r} may not be made, missing: {MAKE_FOLDER}; {EDITOR}")
        yield Check("dashboards", False, "may not be saved without the folder")


def _datasource(rights: Rights) -> Check:
    """Look for a Prometheus; without one the dashboards are empty, and that is nothing a token could be blamed for."""
    found = rights.datasources()
    if found is None:
        return Check("data source", None, "not allowed to look (datasources:read); not needed")
    names = [str(one.get("name")) for one in found if one.get("type") == "prometheus"]
    if not names:
        return Check("data source", None, "no Prometheus data source yet: the dashboards will be empty")
    return Check("data source", True, f"Prometheus: {', '.join(names)}")
