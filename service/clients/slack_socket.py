"""Slack's Socket Mode, by slack_sdk: payloads come over a connection that this side opens, so that no address of this
service has to be reachable. Slack sends each payload over one of an app's connections, and each replica has its own.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any

from service.background import BackgroundLoop
from service.clients.errors import unreachable

if TYPE_CHECKING:
    from slack_sdk.socket_mode import SocketModeClient
    from slack_sdk.socket_mode.client import BaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
CHECK_SECONDS = 1.0
"""How often the connection is looked at."""
LONGEST_PAUSE_SECONDS = 60.0
"""How long at most it waits before it connects again; Slack permits about one new connection a minute for long."""
STOP_SECONDS = 2.0
BUFFER_BYTES = 64 * 1024
"""The library reads a message piece by piece and recursively, so the pieces must not be small."""
_TYPES = ("interactive", "slash_commands")

log = logging.getLogger(__name__)


class SocketMode:
    """A connection that is kept open. `answer` returns the answer to a payload, None if it cannot be accepted: Slack
    then shows an error to the person. It is called from several threads.
    """

    def __init__(self, app_token: str, api_url: str, answer: Answer) -> None:
        self._app_token = app_token
        self._api_url = api_url
        self._answer = answer
        self._client: SocketModeClient | None = None
        self._failures = 0
        self._next_at = 0.0
        self._loop = BackgroundLoop("slack-socket", self._step, pause=CHECK_SECONDS)

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._loop.start()

    def stop(self) -> None:
        """Close the connection; Slack then sends what follows to other replicas."""
        if not self._loop.stop(STOP_SECONDS) or self._client is None:
            return
        self._client.closed = True
        self._client.message_queue.put(None)  # wakes the thread that waits for messages
        session = self._client.current_session
        if session is not None and session.sock is not None:
            with suppress(OSError):
                session.sock.shutdown(SHUT_RDWR)  # and this the one that reads
        self._client.close()

    @property
    def is_connected(self) -> bool:
        """Whether payloads can come."""
        return self._client is not None and self._client.is_connected()

    def _step(self) -> None:
        self._check()
        if self.is_connected:
            self._failures = 0
        elif time.monotonic() >= self._next_at:
            self._failures += 1
            self._next_at = time.monotonic() + min(2.0**self._failures, LONGEST_PAUSE_SECONDS)
            self._connect()

    def _check(self) -> None:
        """Notice a connection that the other side has closed: the library would go on reading nothing for 25 s."""
        session = self._client.current_session if self._client is not None else None
        if session is not None and session.is_active():
            try:
                session.ping("still there?")
            except OSError:
                session.disconnect()

    def _connect(self) -> None:
        from slack_sdk.errors import SlackApiError, SlackClientError

        self._client = self._client or self._new_client()
        try:
            self._client.connect_to_new_endpoint()
        except SlackApiError as error:
            log.warning("slack: no connection for buttons and commands: %s", error.response.get("error"))
        except (SlackClientError, HTTPException, OSError) as error:
            log.warning("slack: no connection for buttons and commands: %s", unreachable(self._api_url, error))

    def _new_client(self) -> "SocketModeClient":
        from slack_sdk.socket_mode import SocketModeClient
        from slack_sdk.web import WebClient

        quiet = logging.getLogger(f"{__name__}.sdk")
        quiet.setLevel(logging.CRITICAL)  # it would log whole payloads, with the names in them
        client = SocketModeClient(
            self._app_token,
            logger=quiet,
            web_client=WebClient(base_url=self._api_url, logger=quiet),
            auto_reconnect_enabled=False,  # the steps above do it, sooner
            receive_buffer_size=BUFFER_BYTES,
        )
        client.socket_mode_request_listeners.append(self._on_request)
        return client

    def _on_request(self, client: "BaseSocketModeClient", request: "SocketModeRequest") -> None:
        """Acknowledge a payload with its answer, so that one that was not accepted shows as an error."""
        from slack_sdk.socket_mode.response import SocketModeResponse

        answer = self._answer(request.payload) if request.type in _TYPES else {}
        if answer is not None:
            payload = dict(answer) if answer and request.accepts_response_payload else None
            client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))
