"""What an unsuccessful response of Grafana means, and what to change.

Grafana 9 answers 500 for a deleted token, and 403 for anything that does not exist if the token may not read
everything.
"""

from dataclasses import dataclass
from datetime import timedelta

from service.clients.delivery import DeliveryError, Reason

EDITOR = "give the service account the role Editor"
ADDRESS = "check grafana.url, including the sub-path if Grafana is served under one"
_PROXY_ERRORS = (502, 503, 504)
"""What proxies answer while Grafana restarts: everything fails then, not only this request."""
_LONGEST_REASON = 300


class NotThere(DeliveryError):
    """Grafana has nothing at that address, or it is not Grafana."""


class Forbidden(DeliveryError):
    """The token may not do it, or may not see whether the thing exists."""


class RequestRejected(DeliveryError):
    """Grafana rejected the request; the text has its reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(Reason.REJECTED, f"Grafana rejected it ({status}): {message}", permanent=True)
        self.status = status


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An unsuccessful response. `request`: its method and path; `message`: Grafana's message, None if it was not
    Grafana that answered.
    """

    url: str
    request: str
    status: int
    message: str | None
    retry_after: timedelta | None = None

    def to_error(self, *, password: bool, org_id: int | None) -> DeliveryError:
        """Return the error; a 4xx counts as Grafana's only if it comes as Grafana's JSON.

        `password`: an administrator's name and password were sent, not a token; `org_id`: the configured organisation.
        """
        match self.status:
            case 401:
                return self._unauthorized(password=password, org_id=org_id)
            case 500 if (self.message or "").lower() == "invalid api key":
                return self._unauthorized(password=password, org_id=org_id)
            case 403:
                remedy = "the user needs the role Admin" if password else EDITOR
                msg = f"permission denied by {self.url}: {self.message or 'Forbidden'}; {remedy}"
                return Forbidden(Reason.FORBIDDEN, msg, permanent=True, everything=True)
            case 404:
                what = "this is not Grafana's API" if self.message is None else repr(self.message)
                msg = f"{self.url}: {what}: {self.request} answered 404; {ADDRESS}"
                return NotThere(Reason.UNEXPECTED, msg, everything=True)
            case 429:
                msg = f"{self.url}: rate limit exceeded"
                return DeliveryError(Reason.THROTTLED, msg, everything=True, retry_after=self.retry_after)
            case 408:
                return timed_out(self.url)
            case _ if 400 <= self.status < 500 and self.message is not None:
                return RequestRejected(self.status, self.message)
            case _ if self.status >= 500:
                return self._failed()
            case _:
                return not_grafana(self.url, f"{self.request} answered {self.status}")

    def _unauthorized(self, *, password: bool, org_id: int | None) -> DeliveryError:
        what = "password" if password else "token"
        msg = f"authentication failed at {self.url}: invalid {what} ({self.message or 'Unauthorized'})"
        if not password:
            msg += "; `mttx grafana bootstrap` creates a new one"
        if org_id is not None:
            msg += f"; it has to belong to organisation {org_id} (grafana.org_id)"
        return DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True)

    def _failed(self) -> DeliveryError:
        everything = self.status in _PROXY_ERRORS
        reason = Reason.UNAVAILABLE if everything else Reason.SERVER_ERROR
        msg = f"{self.url} failed with {self.status} on {self.request}" + (f": {self.message}" if self.message else "")
        return DeliveryError(reason, msg, everything=everything, retry_after=self.retry_after)


def message_of(response: object) -> str | None:
    """Return Grafana's message, None if it was not Grafana that answered."""
    return str(response["message"])[:_LONGEST_REASON] if isinstance(response, dict) and "message" in response else None


def not_grafana(url: str, why: str) -> DeliveryError:
    """Return the error for a response that Grafana does not send."""
    return DeliveryError(Reason.UNEXPECTED, f"{url}: this is not Grafana's API: {why}; {ADDRESS}", everything=True)


def timed_out(url: str) -> DeliveryError:
    """Return the error for a timeout."""
    return DeliveryError(Reason.TIMEOUT, f"timed out waiting for {url}", everything=True)
