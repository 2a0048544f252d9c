"""What a token may do in Grafana, asked without changing anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.clients.delivery import DeliveryError
from service.clients.grafana.connection import Connection
from service.clients.grafana.failures import RequestRejected


@dataclass(frozen=True, slots=True)
class Organisation:
    """The organisation that a token belongs to."""

    id: int
    name: str


class Rights:
    """Asks for the token's rights and what it can see. Every method raises `DeliveryError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version(self) -> str:
        """Return Grafana's version, "" if it is hidden. Needs no token."""
        response = self._connection.get("/health", anywhere=True)
        if not isinstance(response, dict) or "database" not in response:
            raise self._connection.unexpected(response)
        return str(response.get("version", ""))

    def organisation(self) -> Organisation:
        """Return the token's organisation."""
        response = self._connection.get("/org")
        if not isinstance(response, dict) or "id" not in response:
            raise self._connection.unexpected(response)
        return Organisation(int(response["id"]), str(response.get("name", "")))

    def permissions(self) -> dict[str, Sequence[str]] | None:
        """Return the permitted actions, each with its scopes; None if this Grafana does not report them.

        Grafana caches them for up to a minute; this reloads the cache.
        """
        response = self._connection.get("/access-control/user/permissions?reloadcache=true")
        if not isinstance(response, dict) or not response:
            return None
        return {str(action): [str(scope) for scope in scopes or ()] for action, scopes in response.items()}

    def has_folder(self, uid: str) -> bool:
        """Return whether the folder exists and is visible to us."""
        return self._connection.get_visible(f"/folders/{quote(uid, safe='')}") is not None

    def may_annotate(self) -> bool:
        """Return whether organisation annotations may be created, by trying to create one without a text.

        Grafana checks permissions first and then rejects the empty text, so that nothing is created.
        """
        try:
            with self._connection.client() as api:
                api.client.POST("/annotations", json={"text": ""})
        except RequestRejected:
            return True
        except DeliveryError as error:
            if error.permanent:
                return False
            raise
        return True

    def datasources(self) -> list[dict[str, Any]] | None:
        """Return the data sources, None if we may not list them."""
        try:
            response = self._connection.get("/datasources")
        except DeliveryError as error:
            if error.permanent:
                return None
            raise
        return [source for source in response if isinstance(source, dict)] if isinstance(response, list) else None
