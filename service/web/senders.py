"""Which of several independent senders a webhook is from: what its address says, else what its token says."""

from flask import Request, g
from pydantic import BaseModel, Field

from service.settings.tokens import Token
from service.settings.values import SenderName
from service.web.query import parsed


class SenderQuery(BaseModel):
    """The query of the webhooks."""

    sender: SenderName | None = Field(
        None, description="The name of an independent sender; without it, the `sender` of the token."
    )


def sender_of_webhook(request: Request) -> str:
    """Return the name of the sender of a request that was let in, empty without one. Raises PayloadError."""
    token: Token | None = g.get("token")
    named = parsed(request, SenderQuery).sender
    return named or (token.sender if token else "")
