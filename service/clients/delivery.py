"""How a delivery fails: the client decides whether a retry can help, the dispatcher decides what to do."""

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
    """The receiver did not accept it, or did not confirm it; the text says what to change and carries no token.

    `permanent`: a retry cannot help. `everything`: anything else sent there now would fail too. `retry_after`: how long
    the receiver asked us to wait.
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
