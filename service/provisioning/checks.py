"""What Grafana allows us to do, and what would have to change so that it allows the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from service.clients.delivery import DeliveryError
from service.clients.grafana.access import Organisation

_ORGANISATION = ("annotations:*", "annotations:type:*", "annotations:type:organization")
_ANNOTATIONS = ("annotations:read", "annotations:create", "annotations:write")
_DASHBOARDS = ("dashboards:create", "dashboards:write")
_EDITOR = "give the service account the role Editor"


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

    def may_annotate(self) -> bool:
        """Say whether annotations of the organisation may be made."""

    def datasources(self) -> list[dict[str, Any]] | None:
        """Return the data sources."""


def checks(rights: Rights) -> Iterator[Check]:
    """Ask one thing after the other; what cannot work without an earlier one is not asked any more."""
    try:
        version = rights.version()
        yield Check("reachable", True, f"Grafana {version}" if version else "Grafana does not tell its version")
        organisation = rights.organisation()
        yield Check("token", True, f"organisation {organisation.name!r} ({organisation.id})")
        permissions = rights.permissions()
        yield _annotations(rights, permissions)
        yield _needed("folders", "make the folder", ("folders:create",), permissions)
        yield _needed("dashboards", "save dashboards", _DASHBOARDS, permissions)
        yield _datasource(rights)
    except DeliveryError as error:
        yield Check(error.reason.value, False, str(error))


def _annotations(rights: Rights, permissions: Mapping[str, Sequence[str]] | None) -> Check:
    if permissions is None:
        allowed = rights.may_annotate()
        return Check("annotations", allowed, "may be made" if allowed else f"may not be made: {_EDITOR}")
    missing = [action for action in _ANNOTATIONS if not set(permissions.get(action, ())) & {"*", *_ORGANISATION}]
    if not missing:
        return Check("annotations", True, "may be found, made and changed")
    wanted = ", ".join(f"{action} on {_ORGANISATION[2]}" for action in missing)
    return Check("annotations", False, f"missing: {wanted}; {_EDITOR}, or fixed:annotations:writer")


def _needed(name: str, what: str, actions: Sequence[str], permissions: Mapping[str, Sequence[str]] | None) -> Check:
    if permissions is None:
        return Check(name, None, f"this Grafana does not say whether we may {what}; `mttx grafana provision` shows it")
    missing = [action for action in actions if action not in permissions]
    if missing:
        return Check(name, False, f"may not {what}, missing: {', '.join(missing)}; {_EDITOR}")
    return Check(name, True, f"may {what}")


def _datasource(rights: Rights) -> Check:
    """Look for a Prometheus; without one the dashboards are empty, and that is nothing a token could be blamed for."""
    found = rights.datasources()
    if found is None:
        return Check("data source", None, "not allowed to look (datasources:read); not needed")
    names = [str(one.get("name")) for one in found if one.get("type") == "prometheus"]
    if not names:
        return Check("data source", None, "no Prometheus data source yet: the dashboards will be empty")
    return Check("data source", True, f"Prometheus: {', '.join(names)}")
