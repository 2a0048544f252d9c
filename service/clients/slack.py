"""Slack, in its two ways: an incoming webhook, which can only post, and a bot, whose messages can be replied to,
edited and found again (`chat.postMessage`, `chat.update`, `conversations.history`, `conversations.replies`).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.clients.chat import NO_MESSAGE_ID, ChatMessage
from service.clients.delivery import DeliveryError, Reason
from service.clients.json_sender import HttpResponse, JsonSender, Secret, error_for, host, secret_of

EVENT_TYPE = "mttx_message"
"""The type of the metadata by which our messages are found again."""
PAGE = 200
MOST_PAGES = 10
_AUTHENTICATION = frozenset(
    [
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "not_authed",
        "org_login_required",
        "token_expired",
        "token_revoked",
    ]
)
_AUTHORIZATION = frozenset(
    [
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
    ]
)
_RATE_LIMITED = frozenset(["ratelimited", "rate_limited"])
_UNAVAILABLE = frozenset(["fatal_error", "internal_error", "request_timeout", "rollup_error", "service_unavailable"])
_NOT_EDITABLE = frozenset(["cant_update_message", "edit_window_closed", "message_not_found", "update_failed"])


def escape(text: str) -> str:
    """Escape Slack's three control characters, so that a text contains no mention and no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link(name: str, url: str) -> str:
    """Return a link; a URL that would end the link early is dropped and only the name is shown."""
    return escape(name) if any(char in url for char in "<>|") else f"<{url}|{escape(name)}>"


class IncomingWebhook:
    """An incoming webhook: it posts at least once, and cannot edit."""

    edits: bool = False

    def __init__(self, sender: JsonSender, url: Secret) -> None:
        self._sender = sender
        self._url = url

    def post(self, message: ChatMessage, thread: int | None) -> int:  # noqa: ARG002 - webhooks have no threads
        """Post it. Slack answers `ok`, else a status and an error code."""
        url = secret_of(self._url, "the URL of Slack's incoming webhook")
        response = self._sender.send(url, {"text": message.text, "unfurl_links": False}, {})
        if response.status == 200:
            if response.snippet == "ok":
                return NO_MESSAGE_ID
            raise _not_slack(url)
        raise _slack_error(url, response, response.snippet)

    def edit(self, message_id: int, message: ChatMessage) -> None:
        """Do nothing."""

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:  # noqa: ARG002 - it cannot search
        """Return None."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()


class Bot:
    """A bot in one channel, with the scopes `chat:write`, and `channels:history` (`groups:history` for a private one)
    to find a message whose response was lost.
    """

    edits: bool = True

    def __init__(self, sender: JsonSender, url: str, token: Secret, channel: str) -> None:
        self._sender = sender
        self._url = url
        self._token = token
        self._channel = channel

    def post(self, message: ChatMessage, thread: int | None) -> int:
        """Post it."""
        body: dict[str, Any] = {"text": message.text, "unfurl_links": False, "unfurl_media": False}
        body["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"key": message.key}}
        if thread:
            body |= {"thread_ts": to_ts(thread), "reply_broadcast": message.broadcast}
        return from_ts(self._call("chat.postMessage", body)["ts"])

    def edit(self, message_id: int, message: ChatMessage) -> None:
        """Edit a message."""
        try:
            self._call("chat.update", {"ts": to_ts(message_id), "text": message.text})
        except SlackError as error:
            if error.code not in _NOT_EDITABLE:
                raise

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:
        """Search the thread, or the channel since then, for a key; without the scope nothing is found."""
        method = "conversations.replies" if thread else "conversations.history"
        parameters = {"channel": self._channel, "include_all_metadata": "true", "limit": str(PAGE)}
        parameters |= {"ts": to_ts(thread)} if thread else {"oldest": f"{since.timestamp():.6f}"}
        for _ in range(MOST_PAGES):
            try:
                page = self._read(method, parameters)
            except SlackError as error:
                if error.code in ("missing_scope", "thread_not_found"):
                    return None
                raise
            for message in page.get("messages", ()):
                metadata = message.get("metadata") or {}
                if metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload", {}).get("key") == key:
                    return from_ts(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            parameters["cursor"] = cursor
        return None

    def check(self) -> str:
        """Return the bot's user and workspace (`auth.test`)."""
        payload = self._call("auth.test", {})
        return f"{payload.get('user')} in {payload.get('team')}"

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{self._url}/{method}"
        headers = {**self._authorization(), "Content-Type": "application/json; charset=utf-8"}
        return _payload(url, self._sender.send(url, {"channel": self._channel, **body}, headers))

    def _read(self, method: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self._url}/{method}"
        return _payload(url, self._sender.get(url, parameters, self._authorization()))

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret_of(self._token, 'the Slack token')}"}


class SlackError(DeliveryError):
    """Slack answered `ok: false`; `code` is its error."""

    code = ""


def to_ts(message_id: int) -> str:
    """Convert an id to Slack's `ts`: seconds and microseconds."""
    return f"{message_id // 1_000_000}.{message_id % 1_000_000:06d}"


def from_ts(ts: str) -> int:
    """Convert Slack's `ts`, which is unique in a channel, to an integer id."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int(micros[:6].ljust(6, "0"))


def _payload(url: str, response: HttpResponse) -> dict[str, Any]:
    try:
        payload = json.loads(response.body)
    except ValueError:
        payload = None
    if not isinstance(payload, dict) or "ok" not in payload:
        if response.status == 200:
            raise _not_slack(url)
        raise error_for(url, response, refused=False)
    if payload["ok"] is not True:
        raise _slack_error(url, response, str(payload.get("error")))
    return payload


def _not_slack(url: str) -> DeliveryError:
    return DeliveryError(Reason.UNEXPECTED, f"{host(url)}: unexpected response, not Slack's", everything=True)


def _slack_error(url: str, response: HttpResponse, code: str) -> DeliveryError:
    """Return the error for one of Slack's error codes: about all messages, or about this one."""
    server, wait = host(url), response.retry_after
    if response.status == 429 or code in _RATE_LIMITED:
        error = SlackError(Reason.THROTTLED, f"{server}: rate limit exceeded", everything=True, retry_after=wait)
    elif code in _UNAVAILABLE or response.status >= 500:
        error = SlackError(Reason.UNAVAILABLE, f"{server} failed: {code}", everything=True, retry_after=wait)
    elif code in _AUTHENTICATION:
        msg = f"{server}: authentication failed: {code}"
        error = SlackError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True)
    elif code in _AUTHORIZATION or response.status in (403, 404, 410):
        error = SlackError(Reason.FORBIDDEN, f"{server}: permission denied: {code}", permanent=True, everything=True)
    elif response.status in (200, 400):
        error = SlackError(Reason.REJECTED, f"{server} rejected the message: {code}", permanent=True)
    else:
        return error_for(url, response, refused=False)
    error.code = code
    return error
