"""What an answer of Grafana means that is no success, and what to change so that it becomes one.

Grafana 9 answers 500 for a token that was deleted, and 403 for anything that is not there when the token may not read
everything.
"""

from dataclasses import dataclass
from datetime import timedelta

from service.clients.delivery import DeliveryError, Reason

EDITOR = "give the service account the role Editor"
ADDRESS = "check grafana.url, with the sub-path where Grafana is served under one"
_DEPLOY = (502, 503, 504)
"""What proxies answer while Grafana restarts: then everything fails, not this request alone."""
_LONGEST_REASON = 300


class NotThere(DeliveryError):
    """Grafana has nothing at that address, or it is not Grafana that answers."""


class Forbidden(DeliveryError):
    """The token may not do it, or may not see whether there is such a thing."""


class Rejected(DeliveryError):
    """Grafana read the request and refuses it; the text has its reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(Reason.REJECTED, f"Grafana refused it ({status}): {message}", permanent=True)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no success. `request`: the method and path that it answers; `said`: Grafana's own words, None
    where it was not Grafana that answered.
    """

    url: str
    request: str
    status: int
    said: str | None
    retry_after: timedelta | None = None

    def meaning(self, *, password: bool, org_id: int | None) -> DeliveryError:
        """Say what it means; a 4xx is Grafana's own word only where it comes as Grafana's JSON.

        `password`: an administrator's name and password were sent, no token; `org_id`: the organisation asked for.
        """
        match self.status:
            case 401:
                return self._unauthorized(password=password, org_id=org_id)
            case 500 if (self.said or "").lower() == "invalid api key":
                return self._unauthorized(password=password, org_id=org_id)
            case 403:
                remedy = "the user needs the role Admin" if password else EDITOR
                msg = f"{self.url} does not allow it: {self.said or 'Forbidden'}; {remedy}"
                return Forbidden(Reason.FORBIDDEN, msg, permanent=True, everything=True)
            case 404:
                nothing = "does not answer as Grafana does" if self.said is None else f"says {self.said!r}"
                msg = f"{self.url} {nothing}: {self.request} answers 404; {ADDRESS}"
                return NotThere(Reason.UNEXPECTED, msg, everything=True)
            case 429:
                msg = f"{self.url} is asked too often"
                return DeliveryError(Reason.THROTTLED, msg, everything=True, retry_after=self.retry_after)
            case 408:
                return timed_out(self.url)
            case _ if 400 <= self.status < 500 and self.said is not None:
                return Rejected(self.status, self.said)
            case _ if self.status >= 500:
                return self._failed()
            case _:
                return not_grafana(self.url, f"{self.request} answers {self.status}")

    def _unauthorized(self, *, password: bool, org_id: int | None) -> DeliveryError:
        what = "password" if password else "token"
        msg = f"{self.url} does not accept the {what} ({self.said or 'Unauthorized'})"
        if not password:
            msg += "; `mttx grafana bootstrap` makes a new one"
        if org_id is not None:
            msg += f"; it has to belong to organisation {org_id} (grafana.org_id)"
        return DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True)

    def _failed(self) -> DeliveryError:
        everything = self.status in _DEPLOY
        reason = Reason.UNAVAILABLE if everything else Reason.SERVER_ERROR
        msg = f"{self.url} failed with {self.status} on {self.request}" + (f": {self.said}" if self.said else "")
        return DeliveryError(reason, msg, everything=everything, retry_after=self.retry_after)


def words(response: object) -> str | None:
    """Return Grafana's own words, None where it was not Grafana that answered."""
    return str(response["message"])[:_LONGEST_REASON] if isinstance(response, dict) and "message" in response else None


def not_grafana(url: str, why: str) -> DeliveryError:
    """Return the error for an answer that Grafana does not give."""
    return DeliveryError(Reason.UNEXPECTED, f"{url} does not answer as Grafana does: {why}; {ADDRESS}", everything=True)


def timed_out(url: str) -> DeliveryError:
    """Return the error for an answer that did not come in time."""
    return DeliveryError(Reason.TIMEOUT, f"{url} did not answer in time", everything=True)
