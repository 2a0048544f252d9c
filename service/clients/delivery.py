"""How a delivery fails: the client says whether trying again can help, the dispatcher decides what to do."""

from datetime import timedelta
from enum import StrEnum


class Reason(StrEnum):
    """Why a delivery failed; values of the label `reason`."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"


class DeliveryError(Exception):
    """The far side did not take it, or did not say so; the text says what to change and carries no token.

    `permanent`: it never will as things are. `everything`: anything else sent there now would fail too. `retry_after`:
    how long it asked us to wait.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        permanent: bool = False,
        everything: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.permanent = permanent
        self.everything = everything
        self.retry_after = retry_after
