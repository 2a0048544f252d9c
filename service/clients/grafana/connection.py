"""A connection to one Grafana, and the meaning of everything that can go wrong on it.

grafana-client wraps timeouts and HTTP errors only, keeps the headers of an answer to itself and follows redirects,
after which a POST is a GET: all of that is put right here and nowhere else.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException, GrafanaTimeoutError
from niquests.exceptions import ConnectionError as NotConnected
from niquests.exceptions import JSONDecodeError, RequestException, SSLError, Timeout, TooManyRedirects

from service.clients.delivery import DeliveryError, Reason

LONGEST_RETRY_AFTER = timedelta(hours=1)
Credential = str | tuple[str, str]
"""A token, or a user's name and password."""
_DEPLOY = (502, 503, 504)
"""What proxies answer while Grafana restarts: then everything fails, not this request alone."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where Grafana is and how to get in. `token` is asked for before each request, so that it can change in its file;
    it may raise OSError. `verify`: whether the certificate is checked, or the file of the authority to check it with.
    """

    url: str
    token: Callable[[], Credential | None]
    org_id: int | None = None
    verify: bool | str = True
    timeout: float = 10.0
    user_agent: str = "mttx-exporter"


class Connection:
    """Asks one Grafana. For one thread at a time. Every failure is a `DeliveryError`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._token: Credential | None = None
        self._api: GrafanaApi | None = None
        self._headers: dict[str, str] = {}

    @property
    def url(self) -> str:
        """The address, as it was configured."""
        return self._access.url

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """Give the library's client, which is not typed, for one request and translate what goes wrong with it."""
        self._headers = {}
        try:
            yield self._client()
        except GrafanaTimeoutError as error:
            raise _timed_out(self.url) from error
        except GrafanaException as error:
            raise self._answered(error) from error
        except TooManyRedirects as error:
            msg = f"{self.url} redirects; configure the address that it redirects to"
            raise DeliveryError(Reason.UNEXPECTED, msg, everything=True) from error
        except JSONDecodeError as error:
            raise self._no_grafana("the answer is no JSON") from error
        except Timeout as error:
            raise _timed_out(self.url) from error
        except (SSLError, NotConnected) as error:
            msg = f"cannot reach {self.url}: {_cause(error)}"
            raise DeliveryError(Reason.UNREACHABLE, msg, everything=True) from error
        except RequestException as error:
            msg = f"asking {self.url} failed: {type(error).__name__}"
            raise DeliveryError(Reason.UNEXPECTED, msg, everything=True) from error

    def get(self, path: str) -> Any:
        """Return the JSON at a path below /api, None where there is none (404)."""
        try:
            with self.asking() as api:
                return api.client.GET(path)
        except NotThere:
            return None

    def close(self) -> None:
        """Close the connections."""
        if self._api is not None:
            self._api.client.s.close()
            self._api = None

    def unexpected(self, answer: object) -> DeliveryError:
        """Return the error for an answer that Grafana does not give."""
        return self._no_grafana(f"it answered {type(answer).__name__}")

    def _client(self) -> GrafanaApi:
        try:
            token = self._access.token()
        except OSError as error:
            msg = f"cannot read the token: {error.strerror or error}"
            raise DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True) from error
        if self._api is None or token != self._token:
            self.close()
            self._token, self._api = token, self._built(token)
        return self._api

    def _built(self, token: Credential | None) -> GrafanaApi:
        parts = urlsplit(self._access.url)
        host = parts.hostname or ""
        prefix = parts.path.strip("/")
        api = GrafanaApi(
            token or None,
            host=f"[{host}]" if ":" in host else host,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            verify=self._access.verify,
            timeout=self._access.timeout,
            user_agent=self._access.user_agent,
            organization_id=self._access.org_id,
            session_pool_size=1,
        )
        api.client.s.max_redirects = 0
        api.client.s.hooks["response"].append(self._remember)
        return api

    def _remember(self, response: Any, **_: object) -> None:
        self._headers = {name.lower(): value for name, value in response.headers.items()}

    def _answered(self, error: GrafanaException) -> DeliveryError:
        """Say what a status means; a 4xx is Grafana's own word only where it comes as Grafana's JSON."""
        status, said = int(error.status_code), _message(error.response)
        retry_after = self._retry_after()
        match status:
            case 401:
                what = "password" if isinstance(self._token, tuple) else "token"
                msg = f"{self.url} does not accept the {what} ({said or 'Unauthorized'})"
                return DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True)
            case 403:
                msg = f"{self.url} does not allow it: {said or 'Forbidden'}"
                return DeliveryError(Reason.FORBIDDEN, msg, permanent=True, everything=True)
            case 404:
                return NotThere(Reason.UNEXPECTED, f"{self.url}: {said or 'nothing there'} (404)", everything=True)
            case 429:
                msg = f"{self.url} is asked too often"
                return DeliveryError(Reason.THROTTLED, msg, everything=True, retry_after=retry_after)
            case 408:
                return _timed_out(self.url)
            case _ if 400 <= status < 500 and said is not None:
                return Rejected(Reason.REJECTED, f"Grafana refused it ({status}): {said}", permanent=True)
            case _ if status >= 500:
                msg = f"{self.url} failed with {status}" + (f": {said}" if said else "")
                everything = status in _DEPLOY
                return DeliveryError(Reason.UNAVAILABLE, msg, everything=everything, retry_after=retry_after)
            case _:
                return self._no_grafana(f"it answered {status}")

    def _no_grafana(self, why: str) -> DeliveryError:
        msg = f"{self.url} does not answer as Grafana does: {why}"
        return DeliveryError(Reason.UNEXPECTED, msg, everything=True)

    def _retry_after(self) -> timedelta | None:
        seconds = self._headers.get("retry-after", "")
        return min(timedelta(seconds=int(seconds)), LONGEST_RETRY_AFTER) if _whole(seconds) else None


class NotThere(DeliveryError):
    """Grafana has nothing at that address, or it is not Grafana that answers."""


class Rejected(DeliveryError):
    """Grafana read the request and refuses it; the text has its reason."""


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _timed_out(url: str) -> DeliveryError:
    return DeliveryError(Reason.TIMEOUT, f"{url} did not answer in time", everything=True)


def _message(response: object) -> str | None:
    """Return Grafana's own words, None where it was not Grafana that answered."""
    return str(response["message"])[:300] if isinstance(response, dict) and "message" in response else None


def _cause(error: Exception) -> str:
    """Name the innermost cause: the outer ones repeat each other with addresses of objects."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
