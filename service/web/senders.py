"""The independent sender of a webhook: from its address, else from its token."""

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
    """Return the name of the sender of an authorized request, empty without one. Raises PayloadError."""
    token: Token | None = g.get("token")
    named = parsed(request, SenderQuery).sender
    return named or (token.sender if token else "")
