"""The independent sender of a webhook: from its address, else from its token."""

from flask import Request
from pydantic import BaseModel, Field

from service.settings.tokens import Token
from service.settings.values import SenderName
from service.web.query import parsed


class SenderQuery(BaseModel):
    """The query of the webhooks."""

    sender: SenderName | None = Field(
        None, description="The name of an independent sender; without it, the `sender` of the token."
    )


def sender_of_webhook(request: Request, token: Token | None) -> str:
    """Return the name of the sender of a request with this token, empty without one. Raises PayloadError."""
    named = parsed(request, SenderQuery).sender if request.query_string else None
    return named or (token.sender if token else "")
