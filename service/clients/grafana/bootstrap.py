"""Service accounts and their tokens over Grafana's HTTP API (9 to 13), created once by an administrator."""

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
        """Return the account with exactly this name; Grafana's search matches substrings."""
        response = self._connection.get(f"/serviceaccounts/search?perpage=1000&page=1&query={quote(name, safe='')}")
        if not isinstance(response, dict):
            raise self._connection.unexpected(response)
        accounts = map(self._account, response.get("serviceAccounts") or ())
        return next((account for account in accounts if account.name == name), None)

    def create(self, name: str) -> ServiceAccount:
        """Create an account with the role Editor."""
        with self._connection.client() as api:
            response = api.client.POST("/serviceaccounts", json={"name": name, "role": EDITOR, "isDisabled": False})
        return self._account(response)

    def make_editor(self, account: ServiceAccount) -> None:
        """Give an account the role Editor."""
        with self._connection.client() as api:
            api.client.PATCH(f"/serviceaccounts/{account.id}", json={"role": EDITOR})

    def new_token(self, account: ServiceAccount, name: str) -> str:
        """Create a token that does not expire, and return it: Grafana shows it only once. Names are unique."""
        with self._connection.client() as api:
            response = api.client.POST(f"/serviceaccounts/{account.id}/tokens", json={"name": name, "secondsToLive": 0})
        if not isinstance(response, dict) or not response.get("key"):
            raise self._connection.unexpected(response)
        return str(response["key"])

    def _account(self, account: Any) -> ServiceAccount:
        if not isinstance(account, dict) or "id" not in account:
            raise self._connection.unexpected(account)
        return ServiceAccount(
            id=int(account["id"]),
            name=str(account.get("name", "")),
            role=str(account.get("role", "")),
            is_disabled=bool(account.get("isDisabled", False)),
        )
