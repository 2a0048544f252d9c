"""What a delivery needs of a chat; each chat is a module beside this one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.clients.bearer import Secret
from service.clients.http import HttpClient
from service.render.buttons import Button

NO_MESSAGE_ID = 0
"""The id of a message in a chat that assigns none."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message. `key` is unique across installations, `payload` its content for programs.

    `broadcast`: a reply that the whole channel should see. `channel`: where it belongs, "" in the chat's own channel.
    `buttons`: what people can do about it now, None if it never has any.
    """

    key: str
    text: str
    payload: Mapping[str, Any]
    broadcast: bool = False
    channel: str = ""
    buttons: tuple[Button, ...] | None = None


class Chat(Protocol):
    """A chat to post messages to; every method raises RequestFailed.

    `edits`: whether messages can be edited, found and replied to.
    """

    edits: bool

    def post(self, message: ChatMessage, thread: int | None) -> int:
        """Post a message, as a reply to `thread` if that is set, and return its id."""

    def edit(self, message_id: int, message: ChatMessage) -> None:
        """Edit a message; one that is gone or can no longer be edited is left alone."""

    def find(self, message: ChatMessage, thread: int | None, since: datetime) -> int | None:
        """Return the id of the message already posted with the same key, if any."""

    def close(self) -> None:
        """Close the connections."""


class PostOnlyChat:
    """A chat with one secret URL to post to; its messages cannot be edited or found."""

    edits: bool = False

    def __init__(self, http: HttpClient, url: Secret) -> None:
        self._http = http
        self._url = url

    def edit(self, message_id: int, message: ChatMessage) -> None:
        """Do nothing."""

    def find(self, message: ChatMessage, thread: int | None, since: datetime) -> int | None:  # noqa: ARG002 - it cannot
        """Return None."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
