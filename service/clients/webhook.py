"""Messages as JSON to any system that accepts them: at least once, each with an id by which duplicates are known."""

from typing import Any

from service.clients.chat import NO_MESSAGE_ID, ChatMessage, PostOnlyChat

VERSION = "1"


class JsonWebhook(PostOnlyChat):
    """One address, with a bearer token if one is configured. Any 2xx means that the message was accepted."""

    def post(self, message: ChatMessage, thread: int | None) -> int:  # noqa: ARG002 - the incident's id groups messages
        """Send it."""
        body: dict[str, Any] = {"version": VERSION, "id": message.key, **message.payload, "text": message.text}
        response = self._http.send("POST", self._url.value(), json=body, headers={"Idempotency-Key": message.key})
        if not response.is_ok:
            raise response.error()
        return NO_MESSAGE_ID
