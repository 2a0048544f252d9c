"""Service accounts and their tokens over Grafana's HTTP API (9 to 13), created once by an administrator."""

from urllib.parse import quote

from pydantic import BaseModel, Field

from service.clients.grafana.connection import Connection

EDITOR = "Editor"
ENOUGH = ("Editor", "Admin")


class ServiceAccount(BaseModel):
    """A service account as Grafana has it."""

    id: int
    name: str = ""
    role: str = ""
    is_disabled: bool = Field(False, alias="isDisabled")


class _Accounts(BaseModel):
    accounts: list[ServiceAccount] | None = Field(None, alias="serviceAccounts")


class ServiceAccounts:
    """The service accounts of one organisation. Every method raises RequestFailed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, name: str) -> ServiceAccount | None:
        """Return the account with exactly this name; Grafana's search matches substrings."""
        response = self._connection.get(f"/serviceaccounts/search?perpage=1000&page=1&query={quote(name, safe='')}")
        accounts = self._connection.validated(_Accounts, response).accounts
        return next((account for account in accounts or () if account.name == name), None)

    def create(self, name: str) -> ServiceAccount:
        """Create an account with the role Editor."""
        response = self._connection.post("/serviceaccounts", {"name": name, "role": EDITOR, "isDisabled": False})
        return self._connection.validated(ServiceAccount, response)

    def make_editor(self, account: ServiceAccount) -> None:
        """Give an account the role Editor."""
        with self._connection.client() as api:
            api.client.PATCH(f"/serviceaccounts/{account.id}", json={"role": EDITOR})

    def new_token(self, account: ServiceAccount, name: str) -> str:
        """Create a token that does not expire, and return it: Grafana shows it only once. Names are unique."""
        body = {"name": name, "secondsToLive": 0}
        response = self._connection.post(f"/serviceaccounts/{account.id}/tokens", body)
        if not isinstance(response, dict) or not response.get("key"):
            raise self._connection.unexpected(response)
        return str(response["key"])
