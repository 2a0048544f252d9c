"""Messages as JSON to any system that accepts them: at least once, each with an id by which duplicates are known."""

from datetime import datetime
from typing import Any

from service.clients.chat import NO_MESSAGE_ID, ChatMessage
from service.clients.json_sender import JsonSender, Secret, error_for, secret_of

VERSION = "1"


class Webhook:
    """One address, with a bearer token if one is configured. Any 2xx means that the message was accepted."""

    edits: bool = False

    def __init__(self, sender: JsonSender, url: Secret, token: Secret | None) -> None:
        self._sender = sender
        self._url = url
        self._token = token

    def post(self, message: ChatMessage, thread: int | None) -> int:  # noqa: ARG002 - the incident's id groups messages
        """Send it."""
        url = secret_of(self._url, "the webhook's URL")
        headers = {"Idempotency-Key": message.key}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {secret_of(self._token, 'the webhook token')}"
        body: dict[str, Any] = {"version": VERSION, "id": message.key, **message.payload, "text": message.text}
        response = self._sender.send(url, body, headers)
        if not 200 <= response.status < 300:
            raise error_for(url, response, refused=response.status not in (404, 405, 410))
        return NO_MESSAGE_ID

    def edit(self, message_id: int, message: ChatMessage) -> None:
        """Do nothing."""

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:  # noqa: ARG002 - it cannot search
        """Return None."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()
