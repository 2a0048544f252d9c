"""A connection to one Grafana, and the meaning of everything that can go wrong on it.

grafana-client wraps timeouts and HTTP errors only, hides the headers of a response and follows redirects, after which a
POST is a GET: all of that is corrected here and nowhere else.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from service import __version__
from service.clients.errors import (
    Reason,
    RequestFailed,
    retry_after,
    status_error,
    timed_out,
    unexpected,
    unreachable,
)

if TYPE_CHECKING:
    from grafana_client.api import GrafanaApi

Model = TypeVar("Model", bound=BaseModel)
EDITOR = "give the service account the role Editor"
ADDRESS = "check grafana.url, including the sub-path if Grafana is served under one"
_ALSO_OF_PROXIES = (401, 403, 408, 425, 429)
_LONGEST_MESSAGE = 300
Credential = str | tuple[str, str]
"""A token, or a user's name and password."""


class Connection:
    """Talks to one Grafana. Not thread-safe. Every failure is a RequestFailed.

    `token` is called before each request, so that it can change in its file; it may raise OSError. `verify`: whether
    the certificate is checked, or the CA file to check it with.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], Credential | None],
        *,
        org_id: int | None = None,
        verify: bool | str = True,
        timeout: float = 10.0,
    ) -> None:
        self.url = url
        self._read_token = token
        self._org_id = org_id
        self._verify = verify
        self._timeout = timeout
        self._token: Credential | None = None
        self._api: GrafanaApi | None = None
        self._is_organisation_verified = False
        self._response: Any = None  # the last one: the library hides its headers

    @contextmanager
    def client(self, *, anywhere: bool = False) -> Iterator[Any]:
        """Yield the library's untyped client for one request, and translate its errors.

        `anywhere`: in any organisation; otherwise the configured one is verified first, once.
        """
        from grafana_client.client import GrafanaException, GrafanaTimeoutError
        from niquests.exceptions import JSONDecodeError, RequestException, Timeout, TooManyRedirects

        self._response = None
        try:
            api = self._client()
            if not anywhere:
                self._verify_organisation(api)
            yield api
        except (GrafanaTimeoutError, Timeout) as error:
            raise timed_out(self.url) from error
        except GrafanaException as error:
            raise self._error_for(int(error.status_code), error.response) from error
        except TooManyRedirects as error:
            raise unexpected(self.url, "redirects; configure the address that it redirects to") from error
        except JSONDecodeError as error:
            raise self._not_grafana("the response is not JSON") from error
        except RequestException as error:
            raise unreachable(self.url, error) from error

    def get(self, path: str, *, anywhere: bool = False) -> Any:
        """Return the JSON at a path below /api, None for a 404."""
        try:
            with self.client(anywhere=anywhere) as api:
                return api.client.GET(path)
        except RequestFailed as error:
            if error.status != 404:
                raise
            return None

    def get_visible(self, path: str) -> Any:
        """Return the JSON at a path below /api, None if nothing is visible there.

        Grafana answers 403 for what does not exist if the token may not read everything.
        """
        try:
            return self.get(path)
        except RequestFailed as error:
            if error.status != 403:
                raise
            return None

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Post JSON to a path below /api, and return the response."""
        with self.client() as api:
            return api.client.POST(path, json=body)

    def validated(self, model: type[Model], response: object) -> Model:
        """Return a response as a model."""
        try:
            return model.model_validate(response)
        except ValidationError as error:
            raise self.unexpected(response) from error

    def close(self) -> None:
        """Close the connections."""
        if self._api is not None:
            self._api.client.s.close()
            self._api = None
        self._is_organisation_verified = False

    def unexpected(self, response: object) -> RequestFailed:
        """Return the error for a response that Grafana does not send."""
        if response is None:
            return self._not_grafana(f"there is nothing at {self._request.partition(' ')[2]}")
        return self._not_grafana(f"it answered {type(response).__name__}")

    def _client(self) -> "GrafanaApi":
        try:
            token = self._read_token()
        except OSError as error:
            msg = f"cannot read the token: {error.strerror or error}; `mttx grafana bootstrap` creates one"
            raise RequestFailed(msg, Reason.UNAUTHORIZED, permanent=True, everything=True) from error
        if self._api is None or token != self._token:
            self.close()
            self._token, self._api = token, self._new_api(token)
        return self._api

    def _verify_organisation(self, api: "GrafanaApi") -> None:
        """Verify the organisation: Grafana 9 accepts a token of another one than configured."""
        from grafana_client.client import GrafanaException

        org_id = self._org_id
        if org_id is None or self._is_organisation_verified:
            return
        try:
            response = api.client.GET("/org")
        except GrafanaException as error:
            if int(error.status_code) not in (403, 404):
                raise
            msg = f"there is no organisation {org_id} (grafana.org_id) at {self.url}, or the user is not a member of it"
            raise RequestFailed(msg, Reason.FORBIDDEN, permanent=True, everything=True) from error
        current = response.get("id") if isinstance(response, dict) else None
        if current != org_id:
            msg = f"the {self._kind} belongs to organisation {current} at {self.url}, and grafana.org_id is {org_id}"
            raise RequestFailed(msg, Reason.FORBIDDEN, permanent=True, everything=True)
        self._is_organisation_verified = True

    def _new_api(self, token: Credential | None) -> "GrafanaApi":
        from grafana_client.api import GrafanaApi

        parts = urlsplit(self.url)
        host = parts.hostname or ""
        prefix = parts.path.strip("/")
        api = GrafanaApi(
            token or None,
            host=f"[{host}]" if ":" in host else host,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            verify=self._verify,
            timeout=self._timeout,
            user_agent=f"mttx-exporter/{__version__}",
            organization_id=self._org_id,
            session_pool_size=1,
        )
        api.client.s.max_redirects = 0
        api.client.s.hooks["response"].append(self._remember)
        return api

    def _remember(self, response: Any, **_: object) -> None:
        self._response = response

    @property
    def _kind(self) -> str:
        return "user" if isinstance(self._token, tuple) else "token"

    @property
    def _request(self) -> str:
        """Method and path of the last request that was answered."""
        request = self._response.request if self._response is not None else None
        return f"{request.method} {urlsplit(request.url).path}" if request is not None else ""

    def _error_for(self, status: int, response: object) -> RequestFailed:
        """Return the error for an unsuccessful status; a 4xx counts as Grafana's only if it comes as Grafana's JSON.

        Grafana 9 answers 500 for a deleted token.
        """
        answer = f"{self._request} answered {status}"
        message = None
        if isinstance(response, dict) and "message" in response:
            message = str(response["message"])[:_LONGEST_MESSAGE]
        if status == 500 and (message or "").lower() == "invalid api key":
            status = 401
        if status == 404 or (message is None and 400 <= status < 500 and status not in _ALSO_OF_PROXIES):
            what = "this is not Grafana's API" if message is None else repr(message)
            msg = f"{self.url}: {what}: {answer}; {ADDRESS}"
            return RequestFailed(msg, everything=True, status=status)
        detail = f"{answer}: {message}" if message else answer
        wait = retry_after(self._response.headers.get("Retry-After")) if self._response is not None else None
        return status_error(self.url, status, detail, hint=self._hint(status), retry_after=wait)

    def _hint(self, status: int) -> str:
        is_token = self._kind == "token"
        if status == 403:
            return EDITOR if is_token else "the user needs the role Admin"
        if status != 401:
            return ""
        hint = "`mttx grafana bootstrap` creates a new token" if is_token else "check the user's password"
        if self._org_id is not None:
            hint += f"; the {self._kind} has to belong to organisation {self._org_id} (grafana.org_id)"
        return hint

    def _not_grafana(self, why: str) -> RequestFailed:
        return unexpected(self.url, f"this is not Grafana's API: {why}; {ADDRESS}")
