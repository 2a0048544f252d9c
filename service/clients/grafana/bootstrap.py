"""Service accounts and their tokens over Grafana's HTTP API (9 to 13), as an administrator makes them once."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.clients.grafana.connection import Connection

EDITOR = "Editor"
ENOUGH = ("Editor", "Admin")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account as Grafana has it."""

    id: int
    name: str
    role: str
    is_disabled: bool


class ServiceAccounts:
    """The service accounts of one organisation. Every method raises `DeliveryError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, name: str) -> ServiceAccount | None:
        """Return the account that is called exactly so; Grafana's own search takes every name that contains it."""
        answer = self._connection.get(f"/serviceaccounts/search?perpage=1000&page=1&query={quote(name, safe='')}")
        if not isinstance(answer, dict):
            raise self._connection.unexpected(answer)
        found = [self._account(one) for one in answer.get("serviceAccounts") or ()]
        return next((account for account in found if account.name == name), None)

    def create(self, name: str) -> ServiceAccount:
        """Make an account with the role Editor."""
        with self._connection.asking() as api:
            answer = api.client.POST("/serviceaccounts", json={"name": name, "role": EDITOR, "isDisabled": False})
        return self._account(answer)

    def make_editor(self, account: ServiceAccount) -> None:
        """Give an account the role Editor."""
        with self._connection.asking() as api:
            api.client.PATCH(f"/serviceaccounts/{account.id}", json={"role": EDITOR})

    def new_token(self, account: ServiceAccount, name: str) -> str:
        """Make a token that does not expire, and return it: Grafana tells it this once. A name is taken only once."""
        with self._connection.asking() as api:
            answer = api.client.POST(f"/serviceaccounts/{account.id}/tokens", json={"name": name, "secondsToLive": 0})
        if not isinstance(answer, dict) or not answer.get("key"):
            raise self._connection.unexpected(answer)
        return str(answer["key"])

    def _account(self, told: Any) -> ServiceAccount:
        if not isinstance(told, dict) or "id" not in told:
            raise self._connection.unexpected(told)
        return ServiceAccount(
            id=int(told["id"]),
            name=str(told.get("name", "")),
            role=str(told.get("role", "")),
            is_disabled=bool(told.get("isDisabled", False)),
        )
