"""A connection to one Grafana, and the meaning of everything that can go wrong on it.

grafana-client wraps timeouts and HTTP errors only, hides the headers of a response and follows redirects, after which a
POST is a GET: all of that is corrected here and nowhere else.
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
from service.clients.grafana.failures import ErrorResponse, Forbidden, NotThere, message_of, not_grafana, timed_out

LONGEST_RETRY_AFTER = timedelta(hours=1)
Credential = str | tuple[str, str]
"""A token, or a user's name and password."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where Grafana is and how to authenticate. `token` is called before each request, so that it can change in its
    file; it may raise OSError. `verify`: whether the certificate is checked, or the CA file to check it with.
    """

    url: str
    token: Callable[[], Credential | None]
    org_id: int | None = None
    verify: bool | str = True
    timeout: float = 10.0
    user_agent: str = "mttx-exporter"


class Connection:
    """Talks to one Grafana. Not thread-safe. Every failure is a `DeliveryError`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._token: Credential | None = None
        self._api: GrafanaApi | None = None
        self._entered = False
        self._headers: dict[str, str] = {}
        self._request = ""

    @property
    def url(self) -> str:
        """The configured address."""
        return self._access.url

    @contextmanager
    def client(self, *, anywhere: bool = False) -> Iterator[Any]:
        """Yield the library's untyped client for one request, and translate its errors.

        `anywhere`: in any organisation; otherwise the configured one is verified first, once.
        """
        self._headers, self._request = {}, ""
        try:
            api = self._client()
            if not anywhere:
                self._enter_organisation(api)
            yield api
        except GrafanaTimeoutError as error:
            raise timed_out(self.url) from error
        except GrafanaException as error:
            raise self._error_for(error) from error
        except TooManyRedirects as error:
            msg = f"{self.url} redirects; configure the address that it redirects to"
            raise DeliveryError(Reason.UNEXPECTED, msg, everything=True) from error
        except JSONDecodeError as error:
            raise not_grafana(self.url, "the response is not JSON") from error
        except Timeout as error:
            raise timed_out(self.url) from error
        except (SSLError, NotConnected) as error:
            msg = f"cannot reach {self.url}: {_cause(error)}"
            raise DeliveryError(Reason.UNREACHABLE, msg, everything=True) from error
        except RequestException as error:
            msg = f"request to {self.url} failed: {type(error).__name__}"
            raise DeliveryError(Reason.UNEXPECTED, msg, everything=True) from error

    def get(self, path: str, *, anywhere: bool = False) -> Any:
        """Return the JSON at a path below /api, None for a 404."""
        try:
            with self.client(anywhere=anywhere) as api:
                return api.client.GET(path)
        except NotThere:
            return None

    def get_visible(self, path: str) -> Any:
        """Return the JSON at a path below /api, None if nothing is visible there.

        Grafana answers 403 for what does not exist if the token may not read everything.
        """
        try:
            return self.get(path)
        except Forbidden:
            return None

    def close(self) -> None:
        """Close the connections."""
        if self._api is not None:
            self._api.client.s.close()
            self._api = None
        self._entered = False

    def unexpected(self, response: object) -> DeliveryError:
        """Return the error for a response that Grafana does not send."""
        nothing = f"there is nothing at {self._request.partition(' ')[2]}"
        return not_grafana(self.url, nothing if response is None else f"it answered {type(response).__name__}")

    def _client(self) -> GrafanaApi:
        try:
            token = self._access.token()
        except OSError as error:
            msg = f"cannot read the token: {error.strerror or error}; `mttx grafana bootstrap` creates one"
            raise DeliveryError(Reason.UNAUTHORIZED, msg, permanent=True, everything=True) from error
        if self._api is None or token != self._token:
            self.close()
            self._token, self._api = token, self._built(token)
        return self._api

    def _enter_organisation(self, api: GrafanaApi) -> None:
        """Verify the organisation: Grafana 9 accepts a token of another one than configured."""
        org_id = self._access.org_id
        if org_id is None or self._entered:
            return
        try:
            response = api.client.GET("/org")
        except GrafanaException as error:
            if int(error.status_code) not in (403, 404):
                raise
            msg = f"there is no organisation {org_id} (grafana.org_id) at {self.url}, or we are not a member of it"
            raise DeliveryError(Reason.FORBIDDEN, msg, permanent=True, everything=True) from error
        current = response.get("id") if isinstance(response, dict) else None
        if current != org_id:
            what = "user" if isinstance(self._token, tuple) else "token"
            msg = f"the {what} belongs to organisation {current} at {self.url}, and grafana.org_id is {org_id}"
            raise DeliveryError(Reason.FORBIDDEN, msg, permanent=True, everything=True)
        self._entered = True

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
        self._request = f"{response.request.method} {urlsplit(response.request.url).path}"

    def _error_for(self, error: GrafanaException) -> DeliveryError:
        message = message_of(error.response)
        response = ErrorResponse(self.url, self._request, int(error.status_code), message, self._retry_after())
        return response.to_error(password=isinstance(self._token, tuple), org_id=self._access.org_id)

    def _retry_after(self) -> timedelta | None:
        seconds = self._headers.get("retry-after", "")
        return min(timedelta(seconds=int(seconds)), LONGEST_RETRY_AFTER) if _whole(seconds) else None


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _cause(error: Exception) -> str:
    """Name the innermost cause: the outer ones repeat each other with addresses of objects."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
