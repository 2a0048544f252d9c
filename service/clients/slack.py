"""Slack, in its two ways: an incoming webhook, which can only say things, and a bot, whose messages can be answered,
changed and found again (`chat.postMessage`, `chat.update`, `conversations.history`, `conversations.replies`).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.clients.chat import UNNUMBERED, Message
from service.clients.delivery import DeliveryError, Reason
from service.clients.posting import Answer, Posting, Secret, failure, host, secret_of

EVENT_TYPE = "mttx_message"
"""The type of the metadata by which our messages are found again."""
PAGE = 200
MOST_PAGES = 10
_NOT_LET_IN = frozenset(
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
_NOT_ALLOWED = frozenset(
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
_LATER = frozenset(["ratelimited", "rate_limited"])
_BROKEN = frozenset(["fatal_error", "internal_error", "request_timeout", "rollup_error", "service_unavailable"])
_LEFT_ALONE = frozenset(["cant_update_message", "edit_window_closed", "message_not_found", "update_failed"])


def escaped(text: str) -> str:
    """Return a text that Slack shows as it is: no mention, no link (Slack's own three characters)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link(name: str, url: str) -> str:
    """Return an address under a name; one that would end the link early is only named."""
    return escaped(name) if any(char in url for char in "<>|") else f"<{url}|{escaped(name)}>"


class IncomingWebhook:
    """An incoming webhook: it says things at least once, and cannot take them back."""

    edits = False

    def __init__(self, posting: Posting, url: Secret) -> None:
        self._posting = posting
        self._url = url

    def post(self, message: Message, thread: int | None) -> int:  # noqa: ARG002 - there are no threads here
        """Say it. Slack answers `ok`, else a status and a word."""
        url = secret_of(self._url, "the address of Slack's incoming webhook")
        answer = self._posting.send(url, {"text": message.text, "unfurl_links": False}, {})
        if answer.status == 200:
            if answer.said == "ok":
                return UNNUMBERED
            raise _not_slack(url)
        raise _refused(url, answer, answer.said)

    def edit(self, message_id: int, message: Message) -> None:
        """Do nothing."""

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:  # noqa: ARG002 - it knows nothing
        """Return None."""
        return None

    def close(self) -> None:
        """Let go of the connections."""
        self._posting.close()


class Bot:
    """A bot in one channel, with the scopes `chat:write`, and `channels:history` (`groups:history` where it is private)
    to find what was said when an answer got lost.
    """

    edits = True

    def __init__(self, posting: Posting, url: str, token: Secret, channel: str) -> None:
        self._posting = posting
        self._url = url
        self._token = token
        self._channel = channel

    def post(self, message: Message, thread: int | None) -> int:
        """Say it."""
        body: dict[str, Any] = {"text": message.text, "unfurl_links": False, "unfurl_media": False}
        body["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"key": message.key}}
        if thread:
            body |= {"thread_ts": written(thread), "reply_broadcast": message.loud}
        return read(self._call("chat.postMessage", body)["ts"])

    def edit(self, message_id: int, message: Message) -> None:
        """Change what was said."""
        try:
            self._call("chat.update", {"ts": written(message_id), "text": message.text})
        except _Refused as error:
            if error.word not in _LEFT_ALONE:
                raise

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:
        """Look through the thread, or what was said in the channel since then; without the scope nothing is found."""
        method = "conversations.replies" if thread else "conversations.history"
        asked = {"channel": self._channel, "include_all_metadata": "true", "limit": str(PAGE)}
        asked |= {"ts": written(thread)} if thread else {"oldest": f"{since.timestamp():.6f}"}
        for _ in range(MOST_PAGES):
            try:
                found = self._read(method, asked)
            except _Refused as error:
                if error.word in ("missing_scope", "thread_not_found"):
                    return None
                raise
            for one in found.get("messages", ()):
                metadata = one.get("metadata") or {}
                if metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload", {}).get("key") == key:
                    return read(one["ts"])
            cursor = (found.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            asked["cursor"] = cursor
        return None

    def check(self) -> str:
        """Return who we are there (`auth.test`)."""
        told = self._call("auth.test", {})
        return f"{told.get('user')} in {told.get('team')}"

    def close(self) -> None:
        """Let go of the connections."""
        self._posting.close()

    def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{self._url}/{method}"
        headers = {**self._authorization(), "Content-Type": "application/json; charset=utf-8"}
        return _told(url, self._posting.send(url, {"channel": self._channel, **body}, headers))

    def _read(self, method: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self._url}/{method}"
        return _told(url, self._posting.get(url, parameters, self._authorization()))

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret_of(self._token, 'the token of Slack')}"}


class _Refused(DeliveryError):
    """Slack's answer was `ok: false`; `word` is its error."""

    word = ""


def written(message_id: int) -> str:
    """Write an id as Slack does: seconds and microseconds."""
    return f"{message_id // 1_000_000}.{message_id % 1_000_000:06d}"


def read(ts: str) -> int:
    """Read Slack's `ts`, which is unique in a channel, as a whole number."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int(micros[:6].ljust(6, "0"))


def _told(url: str, answer: Answer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "ok" not in told:
        if answer.status == 200:
            raise _not_slack(url)
        raise failure(url, answer, refused=False)
    if told["ok"] is not True:
        raise _refused(url, answer, str(told.get("error")))
    return told


def _not_slack(url: str) -> DeliveryError:
    return DeliveryError(Reason.UNEXPECTED, f"{host(url)} does not answer as Slack does", everything=True)


def _refused(url: str, answer: Answer, word: str) -> DeliveryError:
    """Say what Slack's word for an error means: to all messages, or to this one."""
    where = host(url)
    if answer.status == 429 or word in _LATER:
        error = _Refused(Reason.THROTTLED, f"{where} is sent too much", everything=True, retry_after=answer.retry_after)
    elif word in _BROKEN or answer.status >= 500:
        error = _Refused(Reason.UNAVAILABLE, f"{where} failed: {word}", everything=True, retry_after=answer.retry_after)
    elif word in _NOT_LET_IN:
        error = _Refused(Reason.UNAUTHORIZED, f"{where} does not let us in: {word}", permanent=True, everything=True)
    elif word in _NOT_ALLOWED or answer.status in (403, 404, 410):
        error = _Refused(Reason.FORBIDDEN, f"{where} does not allow it: {word}", permanent=True, everything=True)
    elif answer.status in (200, 400):
        error = _Refused(Reason.REJECTED, f"{where} refused the message: {word}", permanent=True)
    else:
        return failure(url, answer, refused=False)
    error.word = word
    return error
