"""The HTTP under the loopback Grafana and Slack: connections that stay open, are dropped, or are answered late."""

import json
import socket
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.grafana.annotations import Refused


@dataclass
class Asked:
    """One request as it came; `status` is what was answered, None where nothing was."""

    method: str
    path: str
    body: bytes
    headers: dict = field(repr=False, default_factory=dict)
    status: int | None = None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port, grafana):
        self.grafana = grafana
        self.open = set()
        super().__init__(("127.0.0.1", port), Handler)

    def drop_all(self):
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request, client_address):
        """Say nothing when the other side is killed: it is what the tests do to it."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks `server.grafana` for the answer, and fails as it is told."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.open.add(self.connection)

    def finish(self):
        self.server.open.discard(self.connection)
        super().finish()

    def work(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, body, {k.lower(): v for k, v in self.headers.items()})
        self.server.grafana.asked.append(asked)
        if self.failed(asked, "before"):
            return
        try:
            status, answer = self.server.grafana.answer(asked)
        except Refused as refused:
            status, answer = refused.status, {"message": str(refused)}
        if not self.failed(asked, "after"):
            asked.status = status
            plain = isinstance(answer, str)
            content = "text/plain" if plain else "application/json; charset=UTF-8"
            self.send(status, (answer if plain else json.dumps(answer)).encode(), content)

    def failed(self, asked, when):
        outcome = self.server.grafana.faults(asked, when)
        if isinstance(outcome, float):
            time.sleep(outcome)
            return False
        if outcome == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif outcome is not None:
            status, headers, text = (outcome, {}, "") if isinstance(outcome, int) else outcome
            asked.status = status
            content = "text/html" if text.startswith("<") else "application/json"
            self.send(status, (text or json.dumps({"message": "told to fail"})).encode(), content, headers)
        return outcome is not None

    def send(self, status, body, content_type, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = work  # noqa: N815 - http.server's names

    def log_message(self, *args):
        pass
