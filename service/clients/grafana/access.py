"""What a token may do in Grafana, asked without changing anything."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from service.clients.errors import Reason, RequestFailed
from service.clients.grafana.connection import Connection


class Organisation(BaseModel):
    """The organisation that a token belongs to."""

    id: int
    name: str = ""


class Rights:
    """Asks for the token's rights and what it can see. Every method raises RequestFailed."""

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
        return self._connection.validated(Organisation, self._connection.get("/org"))

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
            self._connection.post("/annotations", {"text": ""})
        except RequestFailed as error:
            if not error.permanent:
                raise
            return error.reason is Reason.REJECTED
        return True

    def datasources(self) -> list[dict[str, Any]] | None:
        """Return the data sources, None if we may not list them."""
        try:
            response = self._connection.get("/datasources")
        except RequestFailed as error:
            if error.permanent:
                return None
            raise
        return [source for source in response if isinstance(source, dict)] if isinstance(response, list) else None
