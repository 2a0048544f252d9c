"""The front of the server: reads bodies on one event loop, and assigns threads only to complete requests.

Granian calls it by RSGI; it calls any WSGI application. A body has one deadline and `limits.body_bytes`, so a slow
sender takes a socket but no thread; an unauthorized sender is rejected before the body is read. Small webhooks are
received on the event loop itself (`webhook_handler.py`).
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from flask import Request

from service.recorder.commands import Busy
from service.web.deadlines import Deadlines
from service.web.edge import ARRIVED, REFUSAL, IncompleteBody, too_large
from service.web.lanes import BY_PATH, Lane, Lanes
from service.web.webhook_handler import WebhookHandler

BODY_SECONDS = 10.0
"""Time limit for a whole body. Slower senders are answered 503, which Alertmanager retries."""
HURRY_SECONDS = 1.0
"""Time limit for the rest of a body once the service stops."""
QUEUE_SECONDS = 10.0
"""Time limit for waiting for a thread of its kind; by then the sender has given up, or retries."""
SMALL_BYTES = 16 * 1024
"""Bodies with at most this Content-Length are read at once, not counted, and parsed on the event loop."""
BUFFERED_BYTES = 64 * 1024 * 1024
"""Memory limit of all larger bodies together: four of the largest size, thirty-two with the default limit."""
OPEN_SECONDS = 60.0
"""How long a file being sent stays open here; the server opens it itself within milliseconds."""

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_CUT_OFF = "The body ended before its Content-Length"
_WITH_BODY = frozenset({"POST", "PUT"})
_FIXED: Environ = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "Granian",
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}


class ServedFile:
    """A file that the server sends by itself (`wsgi.file_wrapper`): no thread waits for the download."""

    def __init__(self, file: BinaryIO, block_size: int = 64 * 1024) -> None:
        self.file = file
        self._block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        return iter(partial(self.file.read, self._block_size), b"")


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request, and its share of the memory limit of all bodies."""

    content: bytes = b""
    counted: int = 0


class Front:
    """An RSGI application that passes complete requests to a WSGI application.

    `on_ready` is called once requests are accepted. Rejections, by the webhooks or here, are passed to the application
    in the environment, which answers and counts them like its own.
    """

    def __init__(
        self,
        application: Application,
        lanes: Lanes,
        webhooks: WebhookHandler,
        *,
        body_bytes: int,
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._application = application
        self._lanes = lanes
        self._webhooks = webhooks
        self._body_bytes = body_bytes
        self._on_ready = on_ready
        self._free_bytes = max(BUFFERED_BYTES, 4 * body_bytes)
        self._seconds = BODY_SECONDS
        self._deadlines = Deadlines()
        self._loop: asyncio.AbstractEventLoop

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Store the event loop on which every request begins."""
        self._loop = loop
        self._webhooks.start(loop)
        if self._on_ready is not None:
            loop.call_soon(self._on_ready)

    def hurry(self) -> None:
        """Shorten the deadline of all bodies, since the service stops; callable from any thread."""
        self._seconds = HURRY_SECONDS
        self._deadlines.hurry(HURRY_SECONDS)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        environ, path = environ_of(scope), scope.path.removesuffix("/")
        lane, body = BY_PATH.get(path, Lane.READ), Body()
        try:
            if scope.method in _WITH_BODY:
                try:
                    request, lane = Request(environ), Lane.WRITE
                    token = self._webhooks.admit(request, path)
                    body = await self._read(scope.headers, proto)
                    webhook = self._webhooks.at(scope.method, path)
                    if webhook is not None and len(body.content) <= SMALL_BYTES:
                        proto.response_bytes(*await self._webhooks.receive(webhook, request, token, body.content))
                        return
                except Exception as refusal:  # the application answers it like its own
                    lane, environ[REFUSAL] = Lane.REFUSAL, refusal
            await self._apply(lane, environ, body.content, proto)
        finally:
            self._free_bytes += body.counted

    async def _apply(self, lane: Lane, environ: Environ, body: bytes, proto: Any) -> None:
        """Have the application answer in a thread."""
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = BytesIO(body)
        environ[ARRIVED] = time.monotonic()
        answered = self._loop.create_future()
        self._lanes.run(lane, partial(self._answer, environ, proto, answered))
        await answered

    # -- the body ----------------------------------------------------------------------------------------------------

    async def _read(self, headers: Any, proto: Any) -> Body:
        """Return the whole body. Raises PayloadError (`too_large`), IncompleteBody or Busy."""
        chunked = "transfer-encoding" in headers
        length = 0 if chunked else int(headers.get("content-length", 0))
        if length > self._body_bytes:
            raise too_large(self._body_bytes)
        if not chunked and not length:
            return Body()
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment]  # within one
        deadline = self._deadlines.set(self._seconds, task.cancel)
        try:
            if 0 < length <= SMALL_BYTES:
                return Body(await proto())
            return await self._gather(proto, length)
        except asyncio.CancelledError:
            if self._deadlines.clear(deadline):
                raise
            task.uncancel()
            msg = f"The body did not arrive within {self._seconds:.0f} s"
            raise IncompleteBody(msg) from None
        except RuntimeError as error:  # Granian's: the connection was closed
            raise IncompleteBody(_CUT_OFF) from error
        finally:
            self._deadlines.clear(deadline)

    async def _gather(self, proto: Any, length: int) -> Body:
        """Collect a body in chunks, within its own limit and the common one; a length of 0 means unknown."""
        content = bytearray()
        try:
            async for piece in proto:
                if not piece:
                    break
                content += piece
                self._free_bytes -= len(piece)
                if len(content) > self._body_bytes:
                    raise too_large(self._body_bytes)
                if self._free_bytes < 0:
                    msg = "the bodies of other requests use all the memory reserved for bodies"
                    raise Busy(msg)
            if len(content) < length:
                raise IncompleteBody(_CUT_OFF)
            return Body(bytes(content), len(content))
        except BaseException:
            self._free_bytes += len(content)
            raise

    # -- in a thread of the request's kind ---------------------------------------------------------------------------

    def _answer(self, environ: Environ, proto: Any, answered: asyncio.Future[None]) -> None:
        if time.monotonic() - environ[ARRIVED] > QUEUE_SECONDS and REFUSAL not in environ:
            environ[REFUSAL] = Busy("others of its kind took all the threads for too long")
        try:
            self._respond(environ, proto)
        finally:
            self._loop.call_soon_threadsafe(answered.set_result, None)

    def _respond(self, environ: Environ, proto: Any) -> None:
        status, headers = "500", list[tuple[str, str]]()

        def start_response(line: str, fields: list[tuple[str, str]], _: Any = None) -> None:
            nonlocal status, headers
            status, headers = line, fields

        pieces = self._application(environ, start_response)
        if isinstance(pieces, ServedFile):
            proto.response_file(int(status[:3]), headers, f"/dev/fd/{pieces.file.fileno()}")
            self._loop.call_soon_threadsafe(self._loop.call_later, OPEN_SECONDS, pieces.file.close)
            return
        try:
            body = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        proto.response_bytes(int(status[:3]), headers, body)


def environ_of(scope: Any) -> Environ:
    """Return the WSGI environment of a request without its body.

    Headers with an underscore in the name are dropped, since they would collide with those with a hyphen.
    """
    host, _, port = scope.server.rpartition(":")
    environ = _FIXED | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": ServedFile,
    }
    for name, value in scope.headers.items():
        if "_" not in name:
            key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
            between = ";" if name == "cookie" else ","
            environ[key] = f"{environ[key]}{between}{value}" if key in environ else value
    return environ
