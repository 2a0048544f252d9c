"""Slack, in its two ways: an incoming webhook, which can only post, and a bot, whose messages can be replied to,
edited and found again (`chat.postMessage`, `chat.update`, `conversations.history`, `conversations.replies`).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from service.clients.chat import NO_MESSAGE_ID, ChatMessage, PostOnlyChat
from service.clients.errors import Reason, RequestFailed, status_error, unexpected
from service.clients.http import HttpClient, HttpResponse
from service.clients.slack_blocks import blocks_of

EVENT_TYPE = "mttx_message"
"""The type of the metadata by which our messages are found again."""
PAGE = 200
MAX_PAGES = 10
_STATUSES = {
    401: (
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "not_authed",
        "org_login_required",
        "token_expired",
        "token_revoked",
    ),
    403: (
        "access_denied",
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "invalid_token",
        "is_archived",
        "missing_scope",
        "no_permission",
        "no_service",
        "no_service_id",
        "no_team",
        "not_allowed_token_type",
        "not_in_channel",
        "restricted_action",
        "team_access_not_granted",
        "team_disabled",
    ),
    429: ("rate_limited", "ratelimited"),
    503: ("fatal_error", "internal_error", "request_timeout", "rollup_error", "service_unavailable"),
}
"""The HTTP status that means the same as an error code; other codes are about one message."""
_ABOUT_ONE_CHANNEL = (
    "access_denied",
    "channel_is_archived",
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "restricted_action",
)
"""The codes of 403 that other channels may not answer."""
_STATUS_OF = {code: status for status, codes in _STATUSES.items() for code in codes}
_NOT_EDITABLE = ("cant_update_message", "edit_window_closed", "message_not_found", "update_failed")
_NOT_SEARCHABLE = ("missing_scope", "thread_not_found")


def escape(text: str) -> str:
    """Escape Slack's three control characters, so that a text contains no mention and no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link(name: str, url: str) -> str:
    """Return a link; a URL that would end the link early is dropped and only the name is shown."""
    return escape(name) if any(char in url for char in "<>|") else f"<{url}|{escape(name)}>"


class IncomingWebhook(PostOnlyChat):
    """An incoming webhook: it posts at least once, and cannot edit."""

    def post(self, message: ChatMessage, thread: int | None) -> int:  # noqa: ARG002 - webhooks have no threads
        """Post it. Slack answers `ok`, else a status and an error code."""
        response = self._http.send("POST", self._url.value(), json={"text": message.text, "unfurl_links": False})
        if response.status != 200:
            raise _error(response, response.snippet)
        if response.snippet != "ok":
            raise _not_slack(response)
        return NO_MESSAGE_ID


class Bot:
    """A bot with the scopes `chat:write`, and `channels:history` (`groups:history` for a private one) to find a message
    whose response was lost. It posts to `channel`; with `has_others`, messages may name other channels.
    """

    edits: bool = True

    def __init__(self, http: HttpClient, url: str, channel: str, *, has_others: bool = False) -> None:
        self._http = http
        self._url = url
        self._channel = channel
        self._has_others = has_others

    def post(self, message: ChatMessage, thread: int | None) -> int:
        """Post it."""
        body = self._body(message) | {"unfurl_links": False, "unfurl_media": False}
        body["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"key": message.key}}
        if thread:
            body |= {"thread_ts": to_ts(thread), "reply_broadcast": message.broadcast}
        return from_ts(self._post("chat.postMessage", body)["ts"])

    def edit(self, message_id: int, message: ChatMessage) -> None:
        """Edit a message."""
        self._post("chat.update", self._body(message) | {"ts": to_ts(message_id)}, ignore=_NOT_EDITABLE)

    def find(self, message: ChatMessage, thread: int | None, since: datetime) -> int | None:
        """Search the thread, or the channel since then, for its key; without the scope nothing is found."""
        method = "conversations.replies" if thread else "conversations.history"
        parameters = {"channel": self._channel_of(message), "include_all_metadata": "true", "limit": str(PAGE)}
        parameters |= {"ts": to_ts(thread)} if thread else {"oldest": f"{since.timestamp():.6f}"}
        for _ in range(MAX_PAGES):
            page = self._call("GET", method, params=parameters, ignore=_NOT_SEARCHABLE)
            for posted in page.get("messages", ()):
                metadata = posted.get("metadata") or {}
                key = metadata.get("event_payload", {}).get("key")
                if metadata.get("event_type") == EVENT_TYPE and key == message.key:
                    return from_ts(posted["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            parameters["cursor"] = cursor
        return None

    def check(self) -> str:
        """Return the bot's user and workspace (`auth.test`)."""
        payload = self._post("auth.test", {})
        return f"{payload.get('user')} in {payload.get('team')}"

    def check_socket_mode(self) -> str:
        """Return that Slack would open a connection (`apps.connections.open`); the token is to be that of the app."""
        self._post("apps.connections.open", {})
        return "buttons and commands come over Socket Mode"

    def check_channel(self, channel: str) -> bool:
        """Return whether the bot can read a channel, in which it then can post; False: the scope is missing, so that
        nothing is known. Raises RequestFailed if it is not in the channel.
        """
        parameters = {"channel": channel, "limit": "1"}
        return bool(self._call("GET", "conversations.history", params=parameters, ignore=("missing_scope",)))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _channel_of(self, message: ChatMessage) -> str:
        return message.channel or self._channel

    def _body(self, message: ChatMessage) -> dict[str, Any]:
        """Return a message's content; empty blocks take away those that it had."""
        body: dict[str, Any] = {"channel": self._channel_of(message), "text": message.text}
        if message.buttons is not None:
            body["blocks"] = blocks_of(message.text, message.buttons) if message.buttons else []
        return body

    def _post(self, method: str, body: Mapping[str, Any], ignore: Collection[str] = ()) -> dict[str, Any]:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return self._call("POST", method, headers=headers, json=body, ignore=ignore)

    def _call(self, verb: str, method: str, *, ignore: Collection[str] = (), **options: Any) -> dict[str, Any]:
        """Return Slack's response, {} after one of the errors to ignore."""
        response = self._http.send(verb, f"{self._url}/{method}", **options)
        payload = response.json()
        if not isinstance(payload, dict) or "ok" not in payload:
            raise _not_slack(response)
        if payload["ok"] is True:
            return payload
        code = str(payload.get("error"))
        if code in ignore:
            return {}
        error = _error(response, code)
        if self._has_others and code in _ABOUT_ONE_CHANNEL:
            raise RequestFailed(f"{error}, channel {_channel_in(options)}", error.reason, status=error.status)
        raise error


def _channel_in(options: Mapping[str, Any]) -> str:
    return str((options.get("json") or options["params"])["channel"])


def respond(http: HttpClient, response_url: str, body: Mapping[str, Any]) -> None:
    """Answer a person by the `response_url` of what they did, which Slack accepts for half an hour."""
    response = http.send("POST", response_url, json=body)
    if not response.is_ok:
        raise response.error()


def to_ts(message_id: int) -> str:
    """Convert an id to Slack's `ts`: seconds and microseconds."""
    return f"{message_id // 1_000_000}.{message_id % 1_000_000:06d}"


def from_ts(ts: str) -> int:
    """Convert Slack's `ts`, which is unique in a channel, to an integer id."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int(micros[:6].ljust(6, "0"))


def _not_slack(response: HttpResponse) -> RequestFailed:
    """Return the error for a response without Slack's JSON; a rejection is a proxy's, and not about the message."""
    error = response.error()
    if response.is_ok or error.reason is Reason.REJECTED:
        return unexpected(response.server, f"unexpected response ({response.status}), not Slack's")
    return error


def _error(response: HttpResponse, code: str) -> RequestFailed:
    """Return the error for one of Slack's error codes: about all messages, or about this one."""
    status = _STATUS_OF.get(code) or (400 if response.is_ok else 503 if response.status >= 500 else response.status)
    return status_error(response.server, status, code, retry_after=response.retry_after)
