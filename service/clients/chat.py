"""What a delivery needs of a chat, whichever it is: each is a module beside this one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

UNNUMBERED = 0
"""The id of a message in a chat that gives none."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `key` names it among those of all installations, `about` is what it tells, for programs.

    `loud`: an answer that the whole channel should see.
    """

    key: str
    text: str
    about: Mapping[str, Any]
    loud: bool = False


class Chat(Protocol):
    """Somewhere to say things; every method raises `DeliveryError`. `edits`: what was said can be changed and found."""

    @property
    def edits(self) -> bool:
        """Say whether messages can be changed, found and answered to."""

    def post(self, message: Message, thread: int | None) -> int:
        """Say it, as an answer to `thread` where there is one; returns its id."""

    def edit(self, message_id: int, message: Message) -> None:
        """Change what was said; what is gone or may not be changed any more is left alone."""

    def find(self, key: str, thread: int | None, since: datetime) -> int | None:
        """Return the id of what was said already under a key, None where nothing was."""

    def close(self) -> None:
        """Let go of the connections."""
