"""Messages as JSON to any system that accepts them: at least once, each with an id by which duplicates are known."""

from datetime import datetime
from typing import Any

from service.clients.chat import NO_MESSAGE_ID, ChatMessage
from service.clients.http import HttpClient, Secret

VERSION = "1"


class JsonWebhook:
    """One address, with a bearer token if one is configured. Any 2xx means that the message was accepted."""

    edits: bool = False

    def __init__(self, http: HttpClient, url: Secret) -> None:
        self._http = http
        self._url = url

    def post(self, message: ChatMessage, thread: int | None) -> int:  # noqa: ARG002 - the incident's id groups messages
        """Send it."""
        body: dict[str, Any] = {"version": VERSION, "id": message.key, **message.payload, "text": message.text}
        response = self._http.send("POST", self._url.value(), json=body, headers={"Idempotency-Key": message.key})
        if not response.is_ok:
            raise response.error()
        return NO_MESSAGE_ID

    def edit(self, message_id: int, message: ChatMessage) -> None:
        """Do nothing."""

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:  # noqa: ARG002 - it cannot search
        """Return None."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
