"""Messages as JSON to any system that takes them: at least once, each with an id by which a second copy is known."""

from datetime import datetime
from typing import Any

from service.clients.chat import UNNUMBERED, Message
from service.clients.posting import Posting, Secret, failure, secret_of

VERSION = "1"


class Webhook:
    """One address, with a bearer token where one is configured. Any 2xx means that it has the message."""

    edits = False

    def __init__(self, posting: Posting, url: Secret, token: Secret | None) -> None:
        self._posting = posting
        self._url = url
        self._token = token

    def post(self, message: Message, thread: int | None) -> int:  # noqa: ARG002 - the incident's id says what belongs together
        """Send it."""
        url = secret_of(self._url, "the address of the webhook")
        headers = {"Idempotency-Key": message.key}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {secret_of(self._token, 'the token of the webhook')}"
        body: dict[str, Any] = {"version": VERSION, "id": message.key, **message.about, "text": message.text}
        answer = self._posting.send(url, body, headers)
        if not 200 <= answer.status < 300:
            raise failure(url, answer, refused=answer.status not in (404, 405, 410))
        return UNNUMBERED

    def edit(self, message_id: int, message: Message) -> None:
        """Do nothing."""

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:  # noqa: ARG002 - it knows nothing
        """Return None."""
        return None

    def close(self) -> None:
        """Let go of the connections."""
        self._posting.close()
