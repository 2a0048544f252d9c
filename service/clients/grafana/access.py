"""What a token may do in Grafana: read without changing anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.clients.delivery import DeliveryError
from service.clients.grafana.connection import Connection
from service.clients.grafana.failures import Rejected


@dataclass(frozen=True, slots=True)
class Organisation:
    """The organisation that a token belongs to."""

    id: int
    name: str


class Rights:
    """Asks what there is and what we may. Every method raises `DeliveryError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version(self) -> str:
        """Return Grafana's version, "" where it keeps it to itself. Needs no token."""
        answer = self._connection.get("/health", anywhere=True)
        if not isinstance(answer, dict) or "database" not in answer:
            raise self._connection.unexpected(answer)
        return str(answer.get("version", ""))

    def organisation(self) -> Organisation:
        """Return the token's organisation."""
        answer = self._connection.get("/org")
        if not isinstance(answer, dict) or "id" not in answer:
            raise self._connection.unexpected(answer)
        return Organisation(int(answer["id"]), str(answer.get("name", "")))

    def permissions(self) -> dict[str, Sequence[str]] | None:
        """Return the actions that are allowed, each with its scopes; None where this Grafana does not say.

        Grafana caches them for up to a minute, and is asked to read them again.
        """
        answer = self._connection.get("/access-control/user/permissions?reloadcache=true")
        if not isinstance(answer, dict) or not answer:
            return None
        return {str(action): [str(scope) for scope in scopes or ()] for action, scopes in answer.items()}

    def has_folder(self, uid: str) -> bool:
        """Say whether there is such a folder that we may see."""
        return self._connection.get_visible(f"/folders/{quote(uid, safe='')}") is not None

    def may_annotate(self) -> bool:
        """Say whether annotations of the organisation may be made, by asking for one without a text.

        Grafana looks at the rights first and then refuses the empty text, so that nothing is made.
        """
        try:
            with self._connection.asking() as api:
                api.client.POST("/annotations", json={"text": ""})
        except Rejected:
            return True
        except DeliveryError as error:
            if error.permanent:
                return False
            raise
        return True

    def datasources(self) -> list[dict[str, Any]] | None:
        """Return the data sources, None where we may not see them."""
        try:
            answer = self._connection.get("/datasources")
        except DeliveryError as error:
            if error.permanent:
                return None
            raise
        return [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else None
