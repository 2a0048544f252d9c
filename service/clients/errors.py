"""The one error of all clients, and what each HTTP status means: whether a retry can help, and what to say about it.

Whoever calls a client decides what to do about it. No text carries a token.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

LONGEST_RETRY_AFTER = timedelta(hours=1)


class Reason(StrEnum):
    """Why a request failed; values of the label `reason`."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"


class RequestFailed(Exception):
    """The other system did not accept the request, or sent no usable response; the text says what to change.

    `permanent`: a retry cannot help. `everything`: anything else sent there now would fail too. `retry_after`: how long
    it asked us to wait. `status`: HTTP's, if it answered.
    """

    def __init__(
        self,
        message: str,
        reason: Reason = Reason.UNEXPECTED,
        *,
        permanent: bool = False,
        everything: bool = False,
        retry_after: timedelta | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.permanent = permanent
        self.everything = everything
        self.retry_after = retry_after
        self.status = status


@dataclass(frozen=True, slots=True)
class StatusMeaning:
    """What a status means to the request, and to others sent to the same system."""

    reason: Reason
    text: str
    permanent: bool = False
    everything: bool = True


_NOTHING_THERE = StatusMeaning(Reason.FORBIDDEN, "nothing is accepted at this address", permanent=True)
_UNAVAILABLE = StatusMeaning(Reason.UNAVAILABLE, "unavailable")
_STATUSES = {
    401: StatusMeaning(Reason.UNAUTHORIZED, "authentication failed", permanent=True),
    403: StatusMeaning(Reason.FORBIDDEN, "permission denied", permanent=True),
    404: _NOTHING_THERE,
    405: _NOTHING_THERE,
    408: StatusMeaning(Reason.TIMEOUT, "the request timed out"),
    410: _NOTHING_THERE,
    425: _UNAVAILABLE,
    429: StatusMeaning(Reason.THROTTLED, "rate limit exceeded"),
    502: _UNAVAILABLE,  # what proxies answer while the system behind them restarts
    503: _UNAVAILABLE,
    504: _UNAVAILABLE,
}
_OTHER_STATUSES = {
    3: StatusMeaning(Reason.UNEXPECTED, "redirects; configure the address that it redirects to", permanent=True),
    4: StatusMeaning(Reason.REJECTED, "the request was rejected", permanent=True, everything=False),
    5: StatusMeaning(Reason.SERVER_ERROR, "internal error", everything=False),
}
_NO_STATUS = StatusMeaning(Reason.UNEXPECTED, "unexpected status")


def meaning_of(status: int) -> StatusMeaning:
    """Return what an unsuccessful status means."""
    return _STATUSES.get(status) or _OTHER_STATUSES.get(status // 100, _NO_STATUS)


def status_error(
    server: str, status: int, detail: str, *, hint: str = "", retry_after: timedelta | None = None
) -> RequestFailed:
    """Return the error for an unsuccessful status; `detail` is what the server answered, `hint` what to do about it."""
    meaning = meaning_of(status)
    return RequestFailed(
        f"{server}: {meaning.text} ({detail})" + (f"; {hint}" if hint else ""),
        meaning.reason,
        permanent=meaning.permanent,
        everything=meaning.everything,
        retry_after=retry_after,
        status=status,
    )


def timed_out(server: str) -> RequestFailed:
    """Return the error for a timeout."""
    return RequestFailed(f"{server}: timed out", Reason.TIMEOUT, everything=True)


def unreachable(server: str, error: BaseException) -> RequestFailed:
    """Return the error for a connection that failed: the innermost cause tells DNS, TLS and a refusal apart.

    Only what the operating system or the TLS library says is shown: other texts contain the URL, which may be secret.
    """
    while inner := error.__cause__ or error.__context__:
        error = inner
    cause = getattr(error, "strerror", None) or type(error).__name__
    return RequestFailed(f"cannot reach {server}: {cause}", Reason.UNREACHABLE, everything=True)


def unexpected(server: str, what: str) -> RequestFailed:
    """Return the error for a response that this API does not send: something else answers there."""
    return RequestFailed(f"{server}: {what}", Reason.UNEXPECTED, everything=True)


def retry_after(header: str | None) -> timedelta | None:
    """Return how long a Retry-After header asks to wait, an hour at most; None: it asks for nothing."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        seconds = Retry().parse_retry_after(header) if header else 0
    except (InvalidHeader, ValueError, OverflowError):
        return None
    return timedelta(seconds=min(seconds, LONGEST_RETRY_AFTER.total_seconds())) or None
