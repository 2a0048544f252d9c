"""Authorization: tokens with scopes, by Bearer or Basic. Without tokens only requests to loopback are allowed."""

import re
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from flask import Request

from service.intake.reasons import Failure
from service.settings.tokens import Token, find_token
from service.web.users import Users

Scope = Literal["ingest", "write", "read"]
CHALLENGES = ('Bearer realm="mttx-exporter"', 'Basic realm="mttx-exporter", charset="UTF-8"')
_OWN_SITES = ("same-origin", "none")
"""`Sec-Fetch-Site` of browsers for a page of this service, and for a typed address."""
_MISSING = "A token is needed: Authorization: Bearer, or Basic with it as the password."
_WRONG = "This token is not one of the tokens file: mistyped, cut off, or removed since."
_HOST = re.compile(r"(\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(:[0-9]{1,5})?", re.ASCII)
"""A host with an optional port (RFC 9110), and nothing that URL parsers read differently."""


class Denied(Exception):
    """The request is not allowed: 401 without valid credentials, else 403. The text contains no token."""

    def __init__(self, reason: Literal[Failure.UNAUTHORIZED, Failure.FORBIDDEN], detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def authorize(request: Request, tokens: tuple[Token, ...], scope: Scope) -> Token | None:
    """Return the token of an authorized request, None if no tokens are configured. Raises Denied.

    Writes that a page of another origin triggers in a browser are denied by Origin and Sec-Fetch-Site, which
    Alertmanager, curl and `mttx` do not send. Without tokens, `check_host` has already run for every route.
    """
    if scope != "read":
        check_origin(request)
    if not tokens:
        return None
    token = presented_token(request, tokens)
    if token is None:
        raise Denied(Failure.UNAUTHORIZED, _WRONG if _presented(request) else _MISSING)
    if scope not in token.scopes:
        raise Denied(Failure.FORBIDDEN, f"This token lacks the scope {scope!r}; add it in the tokens file.")
    return token


def authorize_view(request: Request, tokens: tuple[Token, ...], users: Users) -> Token | None:
    """Return who may see a page, the metrics or a probe: a user, or a token with the scope `read`. Raises Denied."""
    authorization = request.authorization
    if users and authorization is not None and authorization.type == "basic":
        user = users.find(authorization.username or "", authorization.password or "")
        if user is not None:
            return user
    if users and not tokens:
        raise Denied(Failure.UNAUTHORIZED, "A user of web.config.file is needed: Authorization: Basic.")
    return authorize(request, tokens, "read")


def presented_token(request: Request, tokens: tuple[Token, ...]) -> Token | None:
    """Return the configured token that a request presents, else None."""
    return find_token(tokens, _presented(request))


def _presented(request: Request) -> str:
    authorization = request.authorization
    if authorization is None or authorization.type not in ("bearer", "basic"):
        return ""
    return (authorization.password if authorization.type == "basic" else authorization.token) or ""


def check_origin(request: Request) -> None:
    """Deny browser requests from pages of another site, or of another host of this site. Raises Denied."""
    origin = request.headers.get("Origin")
    is_foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("Host")
    if is_foreign or request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        raise Denied(Failure.FORBIDDEN, "A page from another origin may not write here.")


def check_host(request: Request) -> None:
    """Deny every request not addressed to loopback, for a service without tokens. Raises Denied.

    A foreign name that resolves to 127.0.0.1 (DNS rebinding) would let a foreign page read the responses.
    """
    if not _is_loopback(request.headers.get("Host", "localhost")):
        raise Denied(
            Failure.FORBIDDEN,
            "No tokens are configured, so that only requests to 127.0.0.1, [::1] or localhost are answered; "
            "set tokens_file (MTTX_TOKENS_FILE) to use another name.",
        )


def _is_loopback(host: str) -> bool:
    match = _HOST.fullmatch(host)
    name = (match["v6"] or match["name"]).lower() if match else ""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
