"""The loopback Grafana with service accounts, as its documentation describes them, made by an administrator."""

import base64
import json
import re
from urllib.parse import parse_qs, unquote, urlsplit

from tests.grafana.loopback import Grafana

PASSWORD = "correct horse"


class GrafanaWithAccounts(Grafana):
    """Also takes `admin` and `PASSWORD` by HTTP Basic. `accounts` are the service accounts, by id."""

    def __init__(self, **keys):
        self.accounts = {}
        self.token_names = set()
        super().__init__(**keys)

    def answer(self, asked):
        path = urlsplit(asked.path).path.removeprefix(self.prefix)
        if not path.startswith("/api/serviceaccounts"):
            return super().answer(asked)
        credential = asked.headers.get("authorization", "").removeprefix("Basic ")
        if credential != base64.b64encode(f"admin:{PASSWORD}".encode()).decode():
            role = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
            if role is None:
                return 401, {"message": "Invalid username or password", "messageId": "password-auth.failed"}
            return 403, {
                "message": "You'll need additional permissions to perform this action.",
                "title": "Access denied",
            }
        asked.path = asked.path.removeprefix(self.prefix)
        return self._serve(asked, path, parse_qs(urlsplit(asked.path).query), json.loads(asked.body or b"{}"))

    def add_account(self, name, role, *, disabled=False):
        number = len(self.accounts) + 1
        self.accounts[number] = {
            "id": number, "name": name, "login": f"sa-1-{name}", "orgId": 1, "isDisabled": disabled, "role": role,
            "tokens": 0,
        }  # fmt: skip
        return self.accounts[number]

    def _serve(self, asked, path, query, body):
        if (asked.method, path) == ("GET", "/api/serviceaccounts/search"):
            name = unquote(query.get("query", [""])[0])
            matching = [account_ for account_ in self.accounts.values() if name in account_["name"]]
            return 200, {"totalCount": len(matching), "serviceAccounts": matching, "page": 1, "perPage": 1000}
        if (asked.method, path) == ("POST", "/api/serviceaccounts"):
            if any(account_["name"] == body["name"] for account_ in self.accounts.values()):
                return 400, {
                    "message": "service account already exists",
                    "messageId": "serviceaccounts.ErrAlreadyExists",
                }
            return 201, self.add_account(body["name"], body["role"], disabled=body["isDisabled"])
        if match := re.fullmatch("/api/serviceaccounts/([0-9]+)", path):
            account = self.accounts[int(match[1])]
            assert asked.method == "PATCH"
            account.update(body)
            return 200, {"id": account["id"], "message": "Service account updated", "serviceaccount": account}
        if match := re.fullmatch("/api/serviceaccounts/([0-9]+)/tokens", path):
            return self._token(self.accounts[int(match[1])], body)
        return 404, {"message": "Not found"}

    def _token(self, account, body):
        if body["name"] in self.token_names:
            return 409, {"message": "service account token with given name already exists"}
        self.token_names.add(body["name"])
        account["tokens"] += 1
        key = f"glsa_{account['id']}_{account['tokens']}"
        self.tokens[key] = account["role"]
        return 200, {"id": account["tokens"], "name": body["name"], "key": key}
